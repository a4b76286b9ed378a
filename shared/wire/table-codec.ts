import type { Codec, MessageCodec } from "./codec.ts";
import type { FieldCodec } from "./field.ts";
import type { WireReader } from "./wire-message.ts";

/**
 * One row for each property of `T`: how it crosses the wire, as a field of the same name. A property without
 * a row does not compile, nor does a row without a property; that the proto file has the same fields, with
 * these types, is for a test to say.
 */
export type FieldTable<T> = {
  readonly [K in keyof T]-?: FieldCodec<Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K]>;
};

/**
 * The codec of a message that is one value of the domain, field by field.
 *
 * @param check what must hold between fields; refuses with {@link WireReader.fail}
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

/** A codec of `outer`'s message, in one field of which the properties of `inner` are kept together. */
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

/** One row for each variant of a union on `kind`, under the kind: the member of the oneof with that name. */
type VariantTable<T extends { readonly kind: string }> = {
  readonly [K in T["kind"]]: FieldCodec<Omit<Extract<T, { readonly kind: K }>, "kind">>;
};

/** The codec of a message that is one oneof. */
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

/** A codec of messages that have one field, which is the whole value. */
export function onlyField<T>(name: string, row: FieldCodec<T>): Codec<T> {
  return {
    shape: { [name]: row },
    encode: (value) => ({ [name]: row.encode(value) }),
    decode: (reader) => row.decode(reader, name),
  };
}
