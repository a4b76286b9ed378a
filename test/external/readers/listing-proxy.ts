import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Starts a proxy for an S3 server that ignores `encoding-type=url`, as versitygw does. It encodes the names
 * in listings, as AWS does. DuckDB assumes encoded names, whatever the answer says.
 */
export async function encodedListings(
  endpoint: URL,
): Promise<{ readonly endpoint: string } & AsyncDisposable> {
  const server = createServer((requested, answer) => {
    const { method = "GET", url = "/", headers } = requested;
    // With the host of the signature.
    const options = { method, path: url, headers, host: endpoint.hostname, port: endpoint.port };
    const upstream = request(options, (found) => {
      const isListing = url.includes("encoding-type=url");
      if (!isListing) {
        answer.writeHead(found.statusCode ?? 500, found.headers);
        found.pipe(answer);
        return;
      }
      let text = "";
      found.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      found.on("end", () => {
        const { "content-length": _length, ...others } = found.headers;
        answer.writeHead(found.statusCode ?? 500, others);
        answer.end(encodedNames(text));
      });
    });
    upstream.on("error", (error) => answer.destroy(error));
    requested.pipe(upstream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function encodedNames(listing: string): string {
  return listing
    .replace(
      /<(Key|Prefix)>([^<]*)<\/\1>/g,
      (_, name, text) => `<${name}>${encodeURIComponent(text)}</${name}>`,
    )
    .replace("<EncodingType></EncodingType>", "<EncodingType>url</EncodingType>");
}
