import type { Finding } from "./source-file.ts";

const PACKAGE = "package shardmill.v1;";

/** Third-party protocols, which stay unchanged. */
const FOREIGN = /^proto\/(arrow|externalscaler)\//;

/**
 * Finds breaks of the proto rules. They demand the package, one service per file, and separate messages for
 * each call. Enums start at `..._UNSPECIFIED = 0`.
 */
export function findProtoBreaks(protos: ReadonlyMap<string, string>): Finding[] {
  const seen = new Map<string, string>();
  return [...protos].flatMap(([path, text]) => {
    if (FOREIGN.test(path)) return [];
    const lines = text.split("\n").map((line) => line.replace(/\/\/.*/, ""));
    const findings: Finding[] = [];
    if (!lines.some((line) => line.trim() === PACKAGE))
      findings.push({ path, line: 1, rule: `is not in ${PACKAGE}` });
    let services = 0;
    lines.forEach((code, index) => {
      const report = (rule: string) => findings.push({ path, line: index + 1, rule });
      if (/^service\s/.test(code) && ++services > 1) report("one service a file");
      const enumName = /^\s*enum\s+(\w+)/.exec(code)?.[1];
      const first = lines.slice(index + 1).find((line) => line.trim() !== "") ?? "";
      if (enumName !== undefined && !/^\s*[A-Z0-9_]+_UNSPECIFIED\s*=\s*0;/.test(first)) {
        report(`enum ${enumName} starts with ..._UNSPECIFIED = 0`);
      }
      for (const message of rpcMessages(code)) {
        const other = seen.get(message);
        if (other !== undefined)
          report(`each call has its own request and response: ${message} is also of ${other}`);
        seen.set(message, `${path}:${index + 1}`);
      }
    });
    return findings;
  });
}

function rpcMessages(code: string): string[] {
  const rpc =
    /^\s*rpc\s+\w+\s*\(\s*(?:stream\s+)?([\w.]+)\s*\)\s*returns\s*\(\s*(?:stream\s+)?([\w.]+)\s*\)/.exec(
      code,
    );
  return rpc === null ? [] : rpc.slice(1);
}
