// The least that a cold Node.js process can do: one POST of the same List request, the answer printed.
//   node bench/bare-post.mjs HOST PORT CA_FILE
import { readFileSync } from "node:fs";
import { request } from "node:https";

const [host, port, caFile] = process.argv.slice(2);
const body =
  '<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>' +
  '<List xmlns="urn:lookup"><_this type="LookupServiceRegistration">ServiceRegistration</_this><filterCriteria></filterCriteria></List>' +
  "</S:Body></S:Envelope>";
request(
  {
    host,
    port,
    path: "/lookupservice/sdk",
    method: "POST",
    ca: readFileSync(caFile),
    headers: { "content-type": "text/xml; charset=utf-8", soapaction: '"urn:lookup/2.0"' },
  },
  (response) => response.setEncoding("utf8").on("data", (piece) => process.stdout.write(piece)),
).end(body);
