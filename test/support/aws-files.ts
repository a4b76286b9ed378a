import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";

/** Shared configuration files of AWS, in a folder of each test. */
export interface AwsFiles {
  /** Path of a file in the folder. */
  at(name: string): string;
  /** Writes a text to the shared configuration file. */
  config(text: string): Promise<void>;
}

/** Gives each test of a file an environment without settings of AWS. */
export function awsFiles(): AwsFiles {
  let folder = "";
  // The library caches files by their names.
  let files = 0;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-aws-"));
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "none"));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await rm(folder, { recursive: true, force: true });
  });
  const at = (name: string) => join(folder, name);
  return {
    at,
    async config(text) {
      files += 1;
      const path = at(`config-${files}-${process.pid}`);
      await writeFile(path, text);
      vi.stubEnv("AWS_CONFIG_FILE", path);
    },
  };
}

/** Profile with keys, and with endpoints of its own for two services. */
export const AWS_PROFILE = `[profile svc]
aws_access_key_id = PROFILE
aws_secret_access_key = p
endpoint_url = http://global.test
services = mine
[services mine]
sqs =
  endpoint_url = http://sqs.test
s3 =
  endpoint_url = http://s3.test
`;
