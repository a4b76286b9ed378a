import { present } from "../../../shared/core/assert.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { copyModel, type PlannedModel } from "../../../shared/onnx/model-copy.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";

/**
 * Runs `work` on a model whose files are on this machine, for what takes paths: the model itself where it is
 * here, else one of copies that go afterwards.
 *
 * @param openers of other storages than the usual ones
 * @throws {MODEL_CHANGED} when it changed since it was read
 */
export async function withLocalModel<M extends PlannedModel, T>(
  model: M,
  work: (local: M) => Promise<T>,
  openers: StorageOpeners = {},
): Promise<T> {
  if (isOnThisMachine(model.path)) return await work(model);
  return await withTempFolder("model", async (scratchPath) => {
    await using storages = new Storages(openers);
    const storage = await storages.at(model.path);
    const { paths } = await copyModel(model, { storage, scratchPath });
    const [path, ...data] = paths.map(parseLocation);
    return await work({
      ...model,
      path: present(path, "a model has a file"),
      externalData: model.externalData.map((file, index) => ({
        ...file,
        path: present(data[index], "a copy of each file"),
      })),
    });
  });
}
