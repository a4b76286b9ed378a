import fc from "fast-check";
import { expect, test } from "vitest";
import { flightMethods } from "../../../extensions/flight/methods.ts";
import { loadForeign } from "../../../shared/wire/load-protos.ts";
import { decodeRequest } from "../../../shared/wire/method.ts";
import { piecesIn } from "../../../shared/wire/pieces.ts";

test("a flight path with more than 16 names is refused", () => {
  for (const method of [flightMethods.getFlightInfo, flightMethods.getSchema]) {
    expect(decodeRequest(method, { type: "PATH", path: Array(16).fill("a") })).toHaveLength(16);
    expect(() => decodeRequest(method, { type: "PATH", path: Array(17).fill("a") })).toThrow("more than 16");
  }
});

const { definitions } = loadForeign("arrow.flight.protocol.FlightService", {});

/** Encoder that protobufjs makes of the proto file. */
const generated = definitions.DoGet?.responseSerialize ?? (() => Buffer.alloc(0));

/** Sizes around the limits: of joined pieces, and of lengths in one to four bytes. */
const sizes = fc.oneof(fc.nat(300), fc.constantFrom(0, 127, 128, 4_096, 4_097, 16_383, 16_384, 2_097_152));
const bytes = fc.tuple(sizes, fc.nat(255)).map(([size, value]) => new Uint8Array(size).fill(value));
const data = fc.record({ header: bytes, body: fc.array(bytes, { maxLength: 6 }) });

test("a message in pieces has the bytes of the generated encoder, behind the prefix of gRPC", () => {
  const { definition, response } = flightMethods.doGet;
  fc.assert(
    fc.property(data, ({ header, body }) => {
      const message = response.encode({ header, body });
      const expected = generated({ dataHeader: header, dataBody: Buffer.concat(body) });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(expected.length, 1);
      const framed = Buffer.concat(piecesIn(message)?.framed() ?? []);
      expect(framed.equals(Buffer.concat([prefix, expected]))).toBe(true);
      // The encoder of a server that cannot reach the stream.
      expect(definition.responseSerialize(message).equals(expected)).toBe(true);
    }),
    { numRuns: 100 },
  );
});
