/** Member of a tar to write. */
export interface WrittenMember {
  readonly name: string;
  readonly content?: Buffer | string;
  /** Type flag. Default: a file. */
  readonly type?: string;
  /** Magic and version. Default: those of POSIX. */
  readonly magic?: string;
}

/** Writes the blocks of a member: its header, and its content up to a whole block. */
export function memberBlocks({
  name,
  content = "",
  type = "0",
  magic = "ustar\x0000",
}: WrittenMember): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(`${bytes.length.toString(8).padStart(11, "0")} `, 124, "latin1");
  header.write(`        ${type}`, 148, "latin1");
  header.write(magic, 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** Returns PAX records as the content of a header of type `x` or `g`. */
export function paxRecords(records: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`);
      let length = rest + String(rest).length;
      length = rest + String(length).length;
      return Buffer.from(`${length} ${key}=${value}\n`);
    }),
  );
}

export const TAR_END = Buffer.alloc(1_024);

/** Writes a whole tar. */
export function tarBytes(members: readonly WrittenMember[]): Buffer {
  return Buffer.concat([...members.map(memberBlocks), TAR_END]);
}
