import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { openHttpStorage } from "../../shared/storage/http.ts";
import { startWebServer } from "../support/web-server.ts";
import { storageContract } from "./storage-contract.ts";

storageContract("a web server", async () => {
  const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
  const server = await startWebServer({
    "/data/existing.bin": bytes,
    "/secret.bin": (_request, response) => void response.writeHead(403).end(),
  });
  let count = 0;
  return {
    storage: openHttpStorage(NO_STORES),
    existing: { location: parseLocation(`${server.url}/data/existing.bin`), bytes },
    free: () => parseLocation(`${server.url}/none-${count++}`),
    forbidden: parseLocation(`${server.url}/secret.bin`),
    bytesAt: () => Promise.reject(new Error("nothing is put")),
    cleanup: async () => await server[Symbol.asyncDispose](),
  };
});
