import { isBuiltin } from "node:module";
import type { Finding, SourceFile } from "./source-file.ts";

/** Packages that only certain folders may import, so that they can be replaced there. Others are free. */
const HOMES: readonly { readonly packages: RegExp; readonly folders: readonly string[] }[] = [
  {
    packages: /^(@grpc\/|grpc-health-check$)/,
    folders: ["shared/wire/", "coordinator/grpc/", "coordinator/access/"],
  },
  {
    packages: /^protobufjs($|\/)/,
    folders: ["shared/wire/", "shared/onnx/", "extensions/convert/onnx/"],
  },
  { packages: /^onnxruntime-/, folders: ["shared/onnx/"] },
  { packages: /^@duckdb\//, folders: ["shared/sql/"] },
  { packages: /^parquet-wasm$/, folders: ["shared/dataset/"] },
  { packages: /^roaring-wasm$/, folders: ["extensions/lake/"] },
  { packages: /^(avsc|lossless-json)$/, folders: ["extensions/iceberg/"] },
  { packages: /^sharp$/, folders: ["extensions/image/", "extensions/node-check/"] },
  {
    packages: /^(@wasm-audio-decoders\/.*|mpg123-decoder|opus-decoder)$/,
    folders: ["extensions/sound/"],
  },
  { packages: /^esbuild$/, folders: ["extensions/code/"] },
  { packages: /^@anush008\/tokenizers$/, folders: ["extensions/text/"] },
  { packages: /^(proxy-from-env|https?-proxy-agent)$/, folders: ["shared/http/"] },
  { packages: /^(@aws-sdk\/.*|@smithy\/.*)$/, folders: ["extensions/aws/"] },
  { packages: /^rabbitmq-client$/, folders: ["extensions/amqp/"] },
  { packages: /^@platformatic\/kafka$/, folders: ["extensions/kafka/"] },
  { packages: /^google-auth-library$/, folders: ["extensions/gcs/"] },
  {
    packages: /^(hono|@hono\/.*)$/,
    folders: ["shared/serving/", "coordinator/http/", "worker/http/", "extensions/web/"],
  },
  { packages: /^koffi$/, folders: ["extensions/image/", "extensions/nvidia/", "shared/onnx/"] },
  { packages: /^@opentelemetry\//, folders: ["extensions/tracing/"] },
  { packages: /^saxes$/, folders: ["extensions/object-store/"] },
  { packages: /^croner$/, folders: ["extensions/serve/"] },
  { packages: /^yaml$/, folders: ["shared/job-file/"] },
  { packages: /^pino$/, folders: ["shared/core/"] },
  { packages: /^yargs$/, folders: ["cli/", "shared/extension/", "shared/terminal/"] },
  { packages: /^string-width$/, folders: ["shared/terminal/"] },
];

const EXEMPT = /^(examples|bench|fault|test)\/|^vitest\.config\.ts$/;

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Manifests by importer: all code, or tests, benchmarks and examples only. */
export interface Manifests {
  readonly product: Manifest;
  readonly tools: Manifest;
}

/**
 * Finds packages that are imported outside their folders, or not named in package.json. The bundle decides
 * which of them an installation needs: `test/process/npm.test.ts` compares its imports with `dependencies`.
 */
export function findStrayPackages(files: readonly SourceFile[], { product, tools }: Manifests): Finding[] {
  return files.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, line }) => {
      // Names that begin with # are defined in package.json.
      if (/^[.#]/.test(specifier) || isBuiltin(specifier)) return [];
      const name = packageName(specifier);
      // Examples import the package by name, as its users do.
      if (name === "shardmill" && EXEMPT.test(path)) return [];
      const findings: Finding[] = [];
      const homes = HOMES.find(({ packages }) => packages.test(name))?.folders;
      if (homes?.some((folder) => path.startsWith(folder)) === false && !EXEMPT.test(path)) {
        findings.push({ path, line, rule: `${name} is imported only in ${homes.join(" and ")}` });
      }
      const named = EXEMPT.test(path) ? { ...namedBy(product), ...namedBy(tools) } : namedBy(product);
      if (!(name in named)) findings.push({ path, line, rule: `${name} is not named in package.json` });
      return findings;
    }),
  );
}

function namedBy({ dependencies, devDependencies }: Manifest): Readonly<Record<string, string>> {
  return { ...dependencies, ...devDependencies };
}

/** Returns `@grpc/grpc-js` for `@grpc/grpc-js/build/src/x.js`. */
function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
