import type { Codec, MessageCodec } from "./codec.ts";
import type { FieldCodec } from "./field.ts";
import type { WireReader } from "./wire-message.ts";

/**
 * Table with one row for each property of `T`, which is a field of the same name. A missing or additional row
 * does not compile. A test checks that the proto file has the same fields with the same types.
 */
export type FieldTable<T> = {
  readonly [K in keyof T]-?: FieldCodec<Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K]>;
};

/**
 * Makes the codec of a message whose fields are the properties of one value.
 *
 * @param check checks conditions between fields, and refuses with {@link WireReader.fail}
 */
export function tableCodec<T extends object>(
  message: string,
  table: FieldTable<T>,
  check?: (value: T, message: WireReader) => void,
): MessageCodec<T> {
  const rows = Object.entries(table) as [name: string, row: FieldCodec<unknown>][];
  return {
    message,
    shape: Object.fromEntries(rows),
    encode(value) {
      const fields: Record<string, unknown> = {};
      for (const [name, row] of rows) {
        const field = row.encode(value[name as keyof T]);
        if (field !== undefined) fields[name] = field;
      }
      return fields;
    },
    decode(reader) {
      const value: Record<string, unknown> = {};
      for (const [name, row] of rows) {
        const property = row.decode(reader, name);
        if (property !== undefined) value[name] = property;
      }
      check?.(value as T, reader);
      return value as T;
    },
  };
}

/** Makes a codec of `outer`'s message, in which one field holds the properties of `inner`. */
export function withInner<Outer extends object, Inner extends object>(
  outer: MessageCodec<Outer>,
  name: string,
  inner: MessageCodec<Inner>,
): MessageCodec<Outer & Inner> {
  return {
    message: outer.message,
    shape: { ...outer.shape, [name]: { proto: inner.message, inner: inner.shape } },
    encode: (value) => ({ ...outer.encode(value), [name]: inner.encode(value) }),
    decode: (reader) => ({ ...outer.decode(reader), ...inner.decode(reader.message(name)) }),
  };
}

/** Table with one row for each kind of a union: the oneof member of the same name. */
type VariantTable<T extends { readonly kind: string }> = {
  readonly [K in T["kind"]]: FieldCodec<Omit<Extract<T, { readonly kind: K }>, "kind">>;
};

/** Makes the codec of a message with one oneof. */
export function unionCodec<T extends { readonly kind: string }>(
  oneof: string,
  table: VariantTable<T>,
): Codec<T> {
  const kinds = Object.keys(table) as T["kind"][];
  const rows = table as unknown as Readonly<Record<T["kind"], FieldCodec<object>>>;
  return {
    shape: table,
    encode: ({ kind, ...variant }) => ({ [kind]: rows[kind as T["kind"]].encode(variant) }),
    decode(reader) {
      const kind = reader.which(oneof, kinds);
      return { kind, ...rows[kind].decode(reader, kind) } as T;
    },
  };
}

/** Makes the codec of a message with one field, which is the whole value. */
export function onlyField<T>(name: string, row: FieldCodec<T>): Codec<T> {
  return {
    shape: { [name]: row },
    encode: (value) => ({ [name]: row.encode(value) }),
    decode: (reader) => row.decode(reader, name),
  };
}
