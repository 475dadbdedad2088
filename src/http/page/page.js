
'use strict';
// Everything the API says is put into the page as text: client ids and topics are made up by strangers.

const kPause = 2000;        // milliseconds between two looks at the metrics
const kSamples = 150;       // of each chart: five minutes
const kRows = 200;          // of the connections table
const $ = (id) => document.getElementById(id);

/** An element; attributes by name (`on…` is a listener), children are elements or text. */
function el(name, attributes = {}, ...children) {
  const svg = name === 'svg' || name === 'polyline';
  const made = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value === true || value === false) made.toggleAttribute(key, value);
    else if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// --- numbers ----------------------------------------------------------------------------------------------------------

const whole = new Intl.NumberFormat('en-US', {maximumFractionDigits: 0});
const short = new Intl.NumberFormat('en-US', {notation: 'compact', maximumSignificantDigits: 3});

function count(n) { return n < 100000 ? whole.format(n) : short.format(n); }
function rate(n) { return n > 0 && n < 10 ? n.toFixed(1) : count(n); }
function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) { n /= 1024; ++i; }
  return (i === 0 || n >= 100 ? whole.format(n) : n.toFixed(1)) + ' ' + units[i];
}
function seconds(s) { return s < 0.001 ? (s * 1e6).toFixed(0) + ' µs' : s < 1 ? (s * 1000).toFixed(s < 0.1 ? 1 : 0) + ' ms' : s.toFixed(1) + ' s'; }
function age(s) {
  if (s < 60) return Math.max(0, Math.floor(s)) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min';
  if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
  return Math.floor(s / 86400) + ' d ' + Math.floor(s % 86400 / 3600) + ' h';
}
const ago = (time) => el('time', {datetime: time, title: new Date(time).toLocaleString()}, age((Date.now() - new Date(time)) / 1000));

// --- the API ----------------------------------------------------------------------------------------------------------

let token = sessionStorage.getItem('token') || '';

/** Rejects with what is wrong, in words. A token that is missing or wrong is asked for first. */
async function ask(path, body) {
  for (;;) {
    const used = token;
    const headers = used ? {Authorization: 'Bearer ' + used} : {};
    const response = await fetch(path, {
      method: body === undefined ? 'GET' : 'POST', headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store',
    });
    if (response.status === 401) {
      if (token === used) await askForToken();
      continue;
    }
    const text = await response.text();
    const json = (response.headers.get('Content-Type') || '').startsWith('application/json') ? JSON.parse(text) : null;
    if (!response.ok && !(json && 'ready' in json)) throw new Error(json ? json.message : 'status ' + response.status);
    return json || text;
  }
}
const api = (path, body) => ask('/apis/v1/mqttproxy/' + encodeURIComponent($('proxy').value) + path, body);

let asking = null;
function askForToken() {
  asking = asking || new Promise((resolve) => {
    $('token-wrong').hidden = !token;
    $('token').value = '';
    $('ask').showModal();
    $('token-form').onsubmit = (event) => {
      event.preventDefault();
      token = $('token').value;
      sessionStorage.setItem('token', token);
      $('forget').hidden = false;
      $('ask').close();
      asking = null;
      resolve();
    };
  });
  return asking;
}
$('ask').addEventListener('cancel', (event) => event.preventDefault());
$('forget').hidden = !token;
$('forget').addEventListener('click', () => { sessionStorage.removeItem('token'); location.reload(); });

/** The Prometheus text format, as far as this daemon writes it. */
function parseMetrics(text) {
  const families = new Map();
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] || '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    if (!families.has(match[1])) families.set(match[1], []);
    families.get(match[1]).push({labels, value: Number(match[3].replace('Inf', 'Infinity'))});
  }
  const samples = (name, wanted = {}) => (families.get(name) || []).filter(
    ({labels}) => Object.entries(wanted).every(([key, value]) => [].concat(value).includes(labels[key])));
  return {at: performance.now(), samples, sum: (name, wanted) => samples(name, wanted).reduce((sum, s) => sum + s.value, 0)};
}

/** What is below which a part `p` of what was counted between two looks lies; NaN when that was nothing. */
function quantile(p, now, before, name, wanted) {
  const older = new Map(before ? before.samples(name + '_bucket', wanted).map((s) => [JSON.stringify(s.labels), s.value]) : []);
  const buckets = new Map();
  for (const {labels, value} of now.samples(name + '_bucket', wanted)) {
    const le = Number(labels.le.replace('+Inf', 'Infinity'));
    buckets.set(le, (buckets.get(le) || 0) + value - (older.get(JSON.stringify(labels)) || 0));
  }
  let [below, from] = [0, 0];
  const total = buckets.get(Infinity) || 0;
  for (const [le, upTo] of [...buckets].sort((a, b) => a[0] - b[0])) {
    if (upTo >= p * total && total > 0) return le === Infinity ? from : from + (le - from) * (p * total - below) / Math.max(1, upTo - below);
    [below, from] = [upTo, le];
  }
  return NaN;
}

// --- rates ------------------------------------------------------------------------------------------------------------

let [before, now] = [null, null];
/** Per second since the look before; a counter that fell began again. */
function perSecond(name, wanted) {
  if (!before) return 0;
  return Math.max(0, now.sum(name, wanted) - before.sum(name, wanted)) * 1000 / (now.at - before.at);
}
const kafka = 'mqttproxy_kafka_delivery_seconds';
const badOutcomes = {outcome: ['not_stored', 'dead_lettered', 'dropped']};
const refused = {return_code: ['1', '2', '3', '4', '5']};

/** Title, unit, and one or two lines: name, value. */
const tiles = [
  ['Messages from devices', '/s', rate, ['in', () => perSecond('mqttproxy_publishes_total')],
    ['stored in Kafka', () => perSecond('mqttproxy_publish_outcomes_total', {outcome: ['stored', 'dead_lettered']})]],
  ['Messages to devices', '/s', rate, ['sent', () => perSecond('mqttproxy_downlink_sent_total')],
    ['acknowledged', () => perSecond('mqttproxy_downlink_acknowledged_total')]],
  ['MQTT bytes', '/s', bytes, ['in', () => perSecond('mqttproxy_bytes_total', {direction: 'in'})],
    ['out', () => perSecond('mqttproxy_bytes_total', {direction: 'out'})]],
  ['Connections', '', count, ['open', () => now.sum('mqttproxy_connections')], ['parked', () => now.sum('mqttproxy_connections_parked')]],
  ['CONNECT', '/s', rate, ['accepted', () => perSecond('mqttproxy_connects_total', {return_code: '0'})],
    ['refused', () => perSecond('mqttproxy_connects_total', refused)]],
  ['Kafka queue', '', count, ['records', () => now.sum('mqttproxy_kafka_queue_messages')], ['not acked', () => now.sum('mqttproxy_unacked')]],
  ['Time to Kafka', '', (s) => Number.isNaN(s) ? '–' : seconds(s), ['half below', () => quantile(0.5, now, before, kafka)],
    ['99 % below', () => quantile(0.99, now, before, kafka)]],
  ['Sessions', '', count, ['sessions', () => now.sum('mqttproxy_sessions')], ['subscriptions', () => now.sum('mqttproxy_subscriptions')]],
  ['Memory', '', bytes, ['resident', () => now.sum('process_resident_memory_bytes')],
    ['queued', () => now.sum('mqttproxy_session_queue_bytes')]],
  ['Errors', '/s', rate, ['messages', () => perSecond('mqttproxy_publish_outcomes_total', badOutcomes) + perSecond('mqttproxy_downlink_dropped_total')],
    ['connections', () => perSecond('mqttproxy_protocol_errors_total') + perSecond('mqttproxy_connects_total', refused) + perSecond('mqttproxy_tls_handshakes_failed_total')]],
].map(([title, unit, format, ...lines]) => {
  const numbers = lines.map(([name], i) => el(i === 0 ? 'strong' : 'span', {class: i === 0 ? 'first' : 'second', title: name}, '…'));
  const curves = lines.map((_, i) => el('polyline', {class: i === 0 ? 'first' : 'second'}));
  const scale = el('span');
  const chart = el('svg', {viewBox: `0 0 ${kSamples - 1} 40`, preserveAspectRatio: 'none', role: 'img'}, ...curves.slice().reverse());
  $('tiles').append(el('div', {class: 'tile'}, el('h3', {}, title), el('p', {}, ...numbers), chart,
    el('p', {class: 'scale'}, ...lines.map(([name], i) => el('span', {class: i === 0 ? 'first' : 'second'}, name)), scale)));
  const history = lines.map(() => []);
  return () => {
    lines.forEach(([, value], i) => {
      history[i].push(value());
      if (history[i].length > kSamples) history[i].shift();
      numbers[i].textContent = format(history[i].at(-1)) + unit;
    });
    const top = Math.max(...history.flat().filter((v) => !Number.isNaN(v)), 0);
    curves.forEach((curve, i) => curve.setAttribute('points', history[i].map((value, at) => {
      const x = kSamples - history[i].length + at;
      return Number.isNaN(value) ? '' : `${x},${(39 - 37 * value / (top || 1)).toFixed(1)}`;
    }).join(' ')));
    scale.textContent = top > 0 ? 'max ' + format(top) + unit : '';
    chart.setAttribute('aria-label', `${title}, the last five minutes: at most ${format(top)}${unit}`);
  };
});

// --- tables -----------------------------------------------------------------------------------------------------------

/** Columns: {name, cell(row), key(row) to sort by, number: right-aligned, long: may wrap}. */
function fill(table, columns, rows, empty) {
  const sorted = table.sorted && columns.find(({name}) => name === table.sorted.name);
  if (sorted) {
    const order = table.sorted.down ? -1 : 1;
    rows = [...rows].sort((a, b) => order * (sorted.key(a) < sorted.key(b) ? -1 : sorted.key(a) > sorted.key(b) ? 1 : 0));
  }
  const kind = ({number, long}) => number ? 'number' : long ? 'long' : undefined;
  const head = (column) => {
    if (!column.key) return el('th', {scope: 'col', class: kind(column)}, column.name);
    const direction = sorted === column ? (table.sorted.down ? 'descending' : 'ascending') : undefined;
    const sort = () => {
      table.sorted = {name: column.name, down: sorted === column ? !table.sorted.down : Boolean(column.number)};
      fill(table, columns, rows, empty);
      [...table.querySelectorAll('th')].at(columns.indexOf(column)).firstChild.focus();
    };
    return el('th', {scope: 'col', class: kind(column), 'aria-sort': direction}, el('button', {type: 'button', onclick: sort}, column.name));
  };
  const focus = table.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  table.replaceChildren(
    el('thead', {}, el('tr', {}, ...columns.map(head))),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...columns.map((column) => el('td', {class: kind(column)}, column.cell(row)))))));
  if (rows.length === 0) table.lastChild.append(el('tr', {}, el('td', {colspan: columns.length, class: 'quiet'}, empty)));
  if (focus) [...table.querySelectorAll('[data-focus]')].find((found) => found.dataset.focus === focus)?.focus();
}
const column = (name, value, more = {}) => ({name, cell: value, key: value, ...more});
const number = (name, value, format = count) => ({name, cell: (row) => format(value(row)), key: value, number: true});
const sessionLink = (id) => el('button', {class: 'link', type: 'button', 'data-focus': id, onclick: () => showSession(id)}, id);
const yes = (good, text) => el('span', {class: good ? 'good' : 'bad'}, text);

function showKafka() {
  const one = (name, row) => now.sum('mqttproxy_kafka_' + name, row);
  const p99 = ({producer}) => quantile(0.99, now, null, kafka, {producer});
  fill($('producers'), [
    {name: 'Producer', cell: (row) => row.producer},
    {name: 'Kafka', cell: (row) => one('ready', row) ? yes(true, 'answers') : yes(false, 'not ready')},
    {name: 'Queue', cell: (row) => count(one('queue_messages', row)) + ' of ' + count(one('queue_limit_messages', row)), number: true},
    number('Stored', (row) => one('reports_total', {...row, outcome: 'stored'})),
    number('Refused', (row) => one('reports_total', {...row, outcome: ['refused', 'unknown', 'dead_lettered']})),
    number('Errors', (row) => one('errors_total', row)),
    number('99 % within', p99, (s) => Number.isNaN(s) ? '–' : seconds(s)),
    number('Topics', (row) => one('topics', row)),
    number('Restarts', (row) => one('producer_restarts_total', row)),
  ], now.samples('mqttproxy_kafka_ready').map(({labels}) => labels), 'no producer');
  const consumers = now.samples('mqttproxy_kafka_consumer_ready').map(({labels}) => labels);
  $('consumers').hidden = consumers.length === 0;
  fill($('consumers'), [
    {name: 'Consumer', cell: (row) => row.consumer},
    {name: 'Kafka', cell: (row) => one('consumer_ready', row) ? yes(true, 'answers') : yes(false, 'not ready')},
    number('Lag', (row) => one('consumer_lag_records', row)),
    number('Records', (row) => one('consumed_records_total', row)),
    number('Errors', (row) => one('consumer_errors_total', row)),
  ], consumers, '');
}

/** Series, the label that says what it was, in words; and which of its values are none to worry about. */
const kErrors = [
  ['mqttproxy_publish_outcomes_total', 'outcome', 'message', ['stored']],
  ['mqttproxy_connects_total', 'return_code', 'CONNECT refused, return code', ['0']],
  ['mqttproxy_protocol_errors_total', 'kind', 'protocol error'],
  ['mqttproxy_disconnects_total', 'reason', 'connection ended',
    ['client_disconnect', 'connection_lost', 'takeover', 'shutdown', 'session_deleted', 'protocol_error', 'connect_refused']],
  ['mqttproxy_tls_handshakes_failed_total', 'reason', 'TLS handshake'],
  ['mqttproxy_accepts_refused_total', 'cause', 'not accepted'],
  ['mqttproxy_downlink_dropped_total', 'cause', 'message to a device dropped'],
  ['mqttproxy_kafka_errors_total', 'code', 'Kafka producer'],
  ['mqttproxy_kafka_consumer_errors_total', 'code', 'Kafka consumer'],
  ['mqttproxy_http_requests_total', 'code', 'API request', ['200', '400', '401', '403', '404', '408', '413', '414', '415', '417', '422', '431', '505']],
];
const minute = [];  // looks of the last minute
function showCounters() {
  minute.push(now);
  while (now.at - minute[0].at > 62000) minute.shift();
  const rows = [];
  for (const [name, label, words, fine = []] of kErrors) {
    const values = new Set(now.samples(name).map(({labels}) => labels[label]).filter((value) => !fine.includes(value)));
    for (const value of values) {
      const wanted = {[label]: value};
      const sum = now.sum(name, wanted);
      if (sum > 0) rows.push({what: words + ': ' + value, sum, recent: Math.max(0, sum - minute[0].sum(name, wanted))});
    }
  }
  fill($('counters'), [{name: 'Kind', cell: (row) => row.what, long: true}, number('Last minute', (row) => row.recent), number('Since start', (row) => row.sum)],
    rows.sort((a, b) => b.recent - a.recent || b.sum - a.sum), 'none since the start');
}

async function showErrors() {
  const {kinds} = await ask('/apis/v1/errors');
  const open = new Set([...$('kinds').querySelectorAll('details[open]')].map((details) => details.dataset.kind));
  $('kinds').replaceChildren(...kinds.map(({kind, count: total, latest}) => el('details', {'data-kind': kind, open: open.has(kind)},
    el('summary', {}, kind + ' ', el('span', {class: 'quiet'}, `× ${count(total)}, last `, ago(latest[0].time), ' ago')),
    el('ol', {}, ...latest.map(({time, level, text}) => el('li', {class: 'code'},
      el('span', {class: level === 'info' ? 'quiet' : 'bad'}, new Date(time).toLocaleTimeString([], {hour12: false}) + ' ' + level + ' '), text))))));
}

async function showConnections() {
  const q = $('connection-q').value;
  const {connections, more} = await api(`/connections?limit=${kRows}&q=${encodeURIComponent(q)}`);
  if (q !== $('connection-q').value) return;  // an answer to what was asked before
  $('connection-count').textContent = (more ? 'the first ' : '') + connections.length + (more ? ' found, there are more' : '') + ' on this node';
  fill($('connection-table'), [
    {name: 'Client id', cell: (row) => sessionLink(row.clientID), key: (row) => row.clientID, long: true},
    column('User', (row) => row.username ?? '', {long: true}),
    column('Address', (row) => row.address),
    column('Listener', (row) => row.listener + (row.tls ? ' ' + row.tls : '')),
    {name: 'Since', cell: (row) => ago(row.connectedSince), key: (row) => row.connectedSince},
    number('Keep-alive', (row) => row.keepAlive, (s) => s ? s + ' s' : 'off'),
    number('Packets in', (row) => row.packetsIn),
    number('out', (row) => row.packetsOut),
    number('Bytes in', (row) => row.bytesIn, bytes),
    number('out ', (row) => row.bytesOut, bytes),
    number('Unacked', (row) => row.unacked),
    number('In flight', (row) => row.inflight),
    number('Queued', (row) => row.queued),
    number('Subscriptions', (row) => row.subscriptions),
    column('Waits for', (row) => row.parked.join(', ')),
  ], connections, 'nobody');
}

// --- sessions, rules, publishing --------------------------------------------------------------------------------------

const wrong = (error) => el('p', {class: 'bad'}, error.message);
function facts(pairs) {
  return el('dl', {}, ...pairs.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

async function listSessions() {
  const q = $('session-q').value;
  const {sessions} = await api(`/session/query?page=1&page_size=${kRows}&q=${encodeURIComponent(q)}`);
  const rows = sessions || [];
  $('session-count').textContent = rows.length < kRows ? rows.length + ' sessions' : 'the first ' + kRows;
  fill($('session-table'), [
    {name: 'Client id', cell: (row) => sessionLink(row.sessionID), key: (row) => row.sessionID, long: true},
    column('Filter', (row) => row.topic, {long: true}),
    {name: 'Connected', cell: (row) => row.connected ? yes(true, 'yes') : 'no', key: (row) => row.connected},
    column('Node', (row) => row.node),
  ], rows, 'none');
}

async function showSession(id) {
  $('session-id').value = id;
  const session = await api('/sessions/' + encodeURIComponent(id)).catch((error) => error);
  if (session instanceof Error) return $('session-detail').replaceChildren(wrong(session));
  const table = el('table');
  fill(table, [column('Topic filter', (row) => row.filter, {long: true}), number('QoS', (row) => row.qos)], session.subscriptions, 'no subscription');
  $('session-detail').replaceChildren(facts([
    ['Client id', session.sessionID],
    ['State', session.connected ? yes(true, 'connected to ' + session.node) : 'offline, last on ' + session.node],
    session.connected ? ['Since', ago(session.connectedSince)] : ['Expires', new Date(session.expiresAt).toLocaleString()],
    ['Clean session', session.cleanSession ? 'yes' : 'no'],
    ['User', session.username ?? '–'],
    ['Address', session.address ?? '–'],
    ['In flight', count(session.inflight)],
    ['Queued', count(session.queued) + ', ' + bytes(session.queuedBytes)],
  ]), table);
}

let proxies = [];
function showRules() {
  const proxy = proxies.find(({name}) => name === $('proxy').value);
  const step = ({filter, kind, jumpIf}) => filter + (kind && kind !== filter ? ` (${kind})` : '') +
    Object.entries(jumpIf).map(([result, target]) => `, ${result || 'success'} → ${target}`).join('');
  fill($('rule-table'), [
    {name: 'Packet', cell: (row) => row.packetType},
    {name: 'Pipeline', cell: (row) => row.pipeline},
    {name: 'Filters', cell: (row) => row.flow.map(step).join(' ▸ '), long: true},
  ], proxy ? proxy.rules : [], 'no rule');
}

async function loadProxies() {
  const running = await ask('/apis/v1/mqttproxy');
  proxies = running.proxies;
  $('node').textContent = running.node;
  document.title = running.node + ' – mqttproxy';
  const chosen = $('proxy').value;
  $('proxy').replaceChildren(...proxies.map(({name}) => el('option', {}, name)));
  if (proxies.some(({name}) => name === chosen)) $('proxy').value = chosen;
  showRules();
}

async function explain() {
  const {pipeline, steps, records, outcome, text} = await api('/explain', {
    topic: $('explain-topic').value, clientID: $('explain-client').value || 'explain', username: $('explain-user').value || null,
    qos: Number($('explain-qos').value), retain: $('explain-retain').checked,
  });
  $('explanation').replaceChildren(
    el('p', {}, yes(outcome !== 'refused', text)),
    facts([['Pipeline', pipeline], ...steps.map((step) => [step.filter, step.text])]),
    ...records.map((record) => facts([
      ['Kafka topic', el('strong', {}, record.topic)], ['Key', record.key ?? 'none'], ['Partition', record.partition],
      ...record.headers.map(({name, value}) => ['Header ' + name, value]),
    ])));
}

async function publish() {
  const message = {topic: $('publish-topic').value, qos: Number($('publish-qos').value), payload: $('publish-payload').value, base64: $('publish-base64').checked};
  await api('/topics/publish', message);
  $('published').replaceChildren(yes(true, 'accepted at ' + new Date().toLocaleTimeString([], {hour12: false})));
}

function onSubmit(form, action, place) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault();
    action().catch((error) => $(place).replaceChildren(wrong(error)));
  });
}
onSubmit('session-search', listSessions, 'session-count');
onSubmit('session-form', () => showSession($('session-id').value), 'session-detail');
onSubmit('explain-form', explain, 'explanation');
onSubmit('publish-form', publish, 'published');
onSubmit('connection-search', showConnections, 'connection-count');
$('connection-q').addEventListener('input', () => showConnections().catch(() => {}));

// --- all the time -----------------------------------------------------------------------------------------------------

async function showReady() {
  const {ready, reasons} = await ask('/readyz');
  $('ready').className = 'pill ' + (ready ? 'good' : 'bad');
  $('ready').textContent = ready ? 'ready' : 'not ready: ' + reasons.join('; ');
}

async function look(turn) {
  await showReady();
  const next = parseMetrics(await ask('/metrics'));
  [before, now] = [now, next];
  if (before && now.sum('mqttproxy_start_time_seconds') !== before.sum('mqttproxy_start_time_seconds')) {
    before = null;  // another process
    minute.length = 0;
  }
  tiles.forEach((update) => update());
  showKafka();
  showCounters();
  const started = now.sum('mqttproxy_start_time_seconds');
  $('about').textContent = `version ${now.samples('mqttproxy_build_info')[0].labels.version}, up ${age(Date.now() / 1000 - started)}`;
  const first = proxies.length === 0;
  if (first || turn % 15 === 0) await loadProxies();  // a reload may have changed them
  if (first || turn % 2 === 0) await Promise.all([showConnections(), showErrors()]);
  if (first) await listSessions();
}

async function main() {
  for (let turn = 0;; ++turn) {
    if (!document.hidden) {
      const trouble = await look(turn).then(() => null, (error) => error);
      $('trouble').hidden = trouble === null;
      if (trouble) $('trouble').textContent = 'The daemon does not answer as it should: ' + trouble.message + '. What is shown is from before.';
      document.querySelector('main').classList.toggle('stale', trouble !== null);
    }
    await new Promise((resolve) => setTimeout(resolve, kPause));
  }
}
$('proxy').addEventListener('change', () => {
  showRules();
  $('session-detail').replaceChildren();
  Promise.all([showConnections(), listSessions()]).catch(() => {});
});
main();
