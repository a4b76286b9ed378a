import type { CoordinatorExtension } from "../coordinator/journal/shared-journals.ts";
import { amqp } from "./amqp/extension.ts";
import { ask } from "./ask/extension.ts";
import { azure } from "./azure/extension.ts";
import { bucketJournal } from "./bucket-journal/extension.ts";
import { code } from "./code/extension.ts";
import { convert } from "./convert/extension.ts";
import { csvJson } from "./csv-json/extension.ts";
import { delta } from "./delta/extension.ts";
import { estimate } from "./estimate/extension.ts";
import { explain } from "./explain/extension.ts";
import { files } from "./files/extension.ts";
import { flight } from "./flight/extension.ts";
import { gcs } from "./gcs/extension.ts";
import { iceberg } from "./iceberg/extension.ts";
import { image } from "./image/extension.ts";
import { init } from "./init/extension.ts";
import { kafka } from "./kafka/extension.ts";
import { keda } from "./keda/extension.ts";
import { nearest } from "./nearest/extension.ts";
import { nodeCheck } from "./node-check/extension.ts";
import { nvidia } from "./nvidia/extension.ts";
import { report } from "./report/extension.ts";
import { s3 } from "./s3/extension.ts";
import { serve } from "./serve/extension.ts";
import { sound } from "./sound/extension.ts";
import { sqs } from "./sqs/extension.ts";
import { text } from "./text/extension.ts";
import { tracing } from "./tracing/extension.ts";
import { tryRows } from "./try/extension.ts";
import { web } from "./web/extension.ts";
import { webdataset } from "./webdataset/extension.ts";

/**
 * All extensions. The engine imports this list as `#extensions`, which package.json resolves. Its order is
 * the order of the help, and of the workers' mapping.
 */
export const EXTENSIONS: readonly CoordinatorExtension[] = [
  s3,
  gcs,
  azure,
  bucketJournal,
  amqp,
  sqs,
  kafka,
  keda,
  web,
  tracing,
  nvidia,
  csvJson,
  files,
  webdataset,
  delta,
  iceberg,
  code,
  ask,
  nearest,
  text,
  image,
  sound,
  serve,
  init,
  convert,
  estimate,
  tryRows,
  flight,
  report,
  explain,
  nodeCheck,
];
