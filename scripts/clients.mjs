// Has the real clients (grpcurl, grpc-health-probe) speak with a coordinator: test/clients. Needs Go, which
// fetches and builds them once, at the versions named here, into .scratch/.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const CLIENTS = {
  grpcurl: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
  "grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe@v0.4.62",
};

function step(command, args, env) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")} ${error?.message ?? `ended with ${status}`}`);
  process.exit(status ?? 1);
}

// A folder for each set of versions: a new one is never taken for an old one.
const versions = Object.values(CLIENTS).map((client) => client.split("@")[1]);
const folder = join(root, ".scratch", `clients-${versions.join("-")}`);
for (const [name, source] of Object.entries(CLIENTS)) {
  if (!existsSync(join(folder, name))) step("go", ["install", source], { GOBIN: folder });
}
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
step(process.execPath, [vitest, "run", "--project", "clients", ...process.argv.slice(2)], {
  SHARDMILL_CLIENTS: folder,
});
