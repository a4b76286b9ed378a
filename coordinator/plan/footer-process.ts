import { errorToData } from "../../shared/core/errors.ts";
import { createLocalStore } from "../../shared/store/local-store.ts";
import type { FooterReply, FooterRequest } from "./footer-protocol.ts";
import { readFooter } from "./read-footer.ts";

/** Entry of a footer process: reads what it is told to, one file after the other, until its owner ends it. */
const store = createLocalStore();

process.once("disconnect", () => process.exit(1));
// Ctrl-C reaches the whole process group; what becomes of this process is its owner's to say.
process.on("SIGINT", () => {});
process.on("message", async ({ file }: FooterRequest) => {
  process.send?.(await answer(file));
});

async function answer(file: FooterRequest["file"]): Promise<FooterReply> {
  try {
    return { kind: "read", footer: await readFooter(store, file) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}
