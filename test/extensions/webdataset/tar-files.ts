import type { FoundTar } from "../../../extensions/webdataset/find-columns.ts";
import { indexTar, tarPlanner } from "../../../extensions/webdataset/plan-tar.ts";
import { TarReader } from "../../../extensions/webdataset/tar-file.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import type { InputFile } from "../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { RequestedForm } from "../../../shared/extension/format.ts";
import { memorySource } from "../../support/memory-source.ts";
import { plainAndBad } from "../../support/read-rows.ts";

/** Plans a tar as a coordinator does, and opens it as a worker does. */
export async function openTar(content: Buffer, requested: Partial<RequestedForm> = {}) {
  const path = parseLocation("/data/a.tar");
  const source = memorySource(content, path);
  const found = await tarPlanner.findForm([source], { options: null, types: {}, ...requested }, NEVER);
  const { index, rows, sha256 } = await indexTar(source, (found as FoundTar).form, NEVER);
  const size = { bytes: content.length, version: "1" };
  const planned: InputFile = { path, format: "webdataset", ...size, rows, footerSha256: sha256, text: index };
  const file = await new TarReader().open(source, planned);
  return { source, index, file };
}

/** Reads all rows of a tar. Bytes are shown in hex. */
export async function rowsOf(content: Buffer, requested: Partial<RequestedForm> = {}) {
  const { file } = await openTar(content, requested);
  return await plainAndBad(file);
}
