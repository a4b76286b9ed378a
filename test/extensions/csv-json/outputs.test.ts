import { describe } from "vitest";
import { TEXT_OUTPUTS } from "../../../extensions/csv-json/output/op.ts";
import { outputFormatContract } from "../../contract/output-format-contract.ts";

for (const format of TEXT_OUTPUTS) describe(format.title, () => outputFormatContract(format));
