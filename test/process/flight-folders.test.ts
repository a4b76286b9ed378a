import { type Table, tableFromIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { flightRig } from "../support/flight/flight-client.ts";
import { PublishedOutput } from "../support/flight/published-output.ts";
import { smallTable } from "../support/sample-table.ts";

/** Outputs with folders (`output.partitionBy`), by Arrow Flight. */

function schemaText(table: Table): string[] {
  return table.schema.fields.map((field) => String(field));
}

test.each(["parquet", "arrow"])(
  "an output has its folders as columns after the columns of its %s files",
  async (format) => {
    await using output = await PublishedOutput.make({});
    const folders = [
      "day=2026-01-01/code=7/yes=true",
      "day=__HIVE_DEFAULT_PARTITION__/code=%C3%A9%2F/yes=false",
    ];
    const tables = Object.fromEntries(
      folders.map((folder, part) => [`rows/${folder}/part-00000.${format}`, smallTable(2 + part)]),
    );
    const rowsOf = async () => {
      await using rig = await flightRig(output.location);
      const read = await rig.client.readAll("rows");
      const { schema } = await rig.client.info("rows");
      expect(schemaText(tableFromIPC(schema))).toEqual(schemaText(read));
      expect(schemaText(read).slice(0, -3)).toEqual(schemaText(smallTable(1)));
      return {
        types: schemaText(read).slice(-3),
        rows: read.toArray().map(({ day, code, yes }) => [day, code, yes]),
      };
    };
    await output.publish(tables);
    const day = Date.parse("2026-01-01");
    const [first, second] = [
      [day, "7", "true"],
      [null, "é/", "false"],
    ];
    expect(await rowsOf()).toEqual({
      types: ["day: DateDay", "code: Utf8", "yes: Utf8"].map((text) =>
        text.replace("DateDay", "Date32<DAY>"),
      ),
      rows: [first, first, second, second, second],
    });
    // A folder's text of digits was a text before: the manifest states the type.
    const codes = Object.fromEntries(
      ["7", "8"].map((code) => [`rows/code=${code}/part-00000.${format}`, smallTable(1)]),
    );
    for (const [type, value] of [
      ["string", "7"],
      ["uint8", 7n],
    ] as const) {
      output.columns = [{ name: "code", type }];
      await output.publish(codes);
      await using rig = await flightRig(output.location);
      expect((await rig.client.readAll("rows")).get(0)?.code).toEqual(value);
    }
  },
);
