#!/bin/bash
# Exit code 0 when GET /healthz says 200. For an API without TLS; MQTTPROXY_API=HOST/PORT when it is not at the usual port.
set -euo pipefail
exec 3<>"/dev/tcp/${MQTTPROXY_API:-127.0.0.1/2381}"
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
IFS= read -r -t 5 status <&3
[[ $status == 'HTTP/1.1 200 '* ]]
