// A device on mqtt.js: node subscriber.js HOST PORT CLIENT_ID CLEAN(true|false) FILTER=QOS…
// Prints "connected PRESENT" and "granted CODES" and then one line of JSON for each message, until stdin ends.
const mqtt = require(process.env.MQTT_JS)

const [host, port, clientId, clean, ...requests] = process.argv.slice(2)
const client = mqtt.connect({host, port: Number(port), clientId, clean: clean === 'true', reconnectPeriod: 0})

client.on('connect', (connack) => {
  console.log('connected', connack.sessionPresent)
  const filters = Object.fromEntries(requests.map((request) => {
    const at = request.lastIndexOf('=')
    return [request.slice(0, at), {qos: Number(request.slice(at + 1))}]
  }))
  if (requests.length === 0) return
  client.subscribe(filters, (error, granted) => console.log('granted', error ? error.message : granted.map((g) => g.qos).join()))
})
client.on('message', (topic, payload, packet) => {
  console.log(JSON.stringify({topic, payload: payload.toString('base64'), qos: packet.qos, dup: packet.dup, retain: packet.retain}))
})
client.on('error', (error) => { console.error(error.message); process.exit(1) })
process.stdin.on('end', () => client.end(false, () => process.exit(0))).resume()
