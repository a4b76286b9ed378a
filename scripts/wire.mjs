// Refuses changes of our proto files that would break other programs: npm run wire. Compares them by buf with
// proto/released/, the descriptors of each protocol version that is still supported. Files for clients may not
// lose or rename anything (FILE). Messages between workers and coordinators may lose a field once no
// supported version has it. Its number and name must then be reserved (WIRE_JSON). With --keep: stores the
// current proto files for a new version.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const released = join(root, "proto", "released");
const buf = createRequire(import.meta.url).resolve("@bufbuild/buf/bin/buf");
const asked = process.argv.indexOf("--proto");
const proto = asked < 0 ? join(root, "proto") : process.argv[asked + 1];

const OWN = ["work", "data"].map((name) => `shardmill/v1/${name}.proto`);

/** Rules by the readers of the files. Other projects' protocols are not checked. */
const RULES = {
  "of clients": { use: ["FILE"], ignore: OWN },
  "of workers": { use: ["WIRE_JSON"] },
};

function runBuf(...args) {
  const { status, error } = spawnSync(process.execPath, [buf, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

/** Reads the newest protocol version from its source. */
function newestVersion() {
  const source = readFileSync(join(root, "shared", "wire", "protocol.ts"), "utf8");
  const [, newest] = /PROTOCOL: ProtocolRange = \{ oldest: \d+, newest: (\d+) \}/.exec(source) ?? [];
  if (newest === undefined) throw new Error("shared/wire/protocol.ts has no PROTOCOL");
  return newest;
}

const ofNewest = `protocol-${newestVersion()}.binpb`;

if (process.argv.includes("--keep")) {
  const only = ["--path", join(proto, "shardmill"), "--exclude-source-info", "--as-file-descriptor-set"];
  process.exitCode = runBuf("build", proto, ...only, "-o", join(released, ofNewest));
} else {
  const images = readdirSync(released).filter((name) => name.endsWith(".binpb"));
  if (!images.includes(ofNewest)) {
    console.error(`proto/released/${ofNewest} is missing: run npm run wire -- --keep, and commit the file`);
    process.exitCode = 1;
  }
  for (const image of images) {
    for (const [whose, breaking] of Object.entries(RULES)) {
      const config = JSON.stringify({ version: "v2", breaking });
      if (runBuf("breaking", proto, "--config", config, "--against", join(released, image)) === 0) continue;
      console.error(
        `the proto files ${whose} are incompatible with ${image}: see docs/compatibility.md for allowed changes`,
      );
      process.exitCode = 1;
    }
  }
}
