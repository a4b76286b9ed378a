/** Member of a row, as an index has it. */
export interface IndexedMember {
  /** Place of its ending among the form's endings. */
  readonly ending: number;
  /** Offset of its content. */
  readonly start: number;
  readonly bytes: number;
  readonly crc32: number;
}

/**
 * Packs the members of consecutive rows as base64. An index may have millions. For each row: the number of
 * its members. For each member: ending, gap to the end of the previous content, bytes, CRC-32. The CRC has
 * four bytes, lowest first, and all else is LEB128.
 *
 * @param start offset at which the first gap begins
 */
export function packMembers(rows: readonly (readonly IndexedMember[])[], start: number): string {
  const bytes: number[] = [];
  let end = start;
  for (const members of rows) {
    pushNumber(bytes, members.length);
    for (const member of members) {
      pushNumber(bytes, member.ending);
      pushNumber(bytes, member.start - end);
      pushNumber(bytes, member.bytes);
      for (let shift = 0; shift < 32; shift += 8) bytes.push((member.crc32 >>> shift) & 0xff);
      end = member.start + member.bytes;
    }
  }
  return Buffer.from(bytes).toString("base64");
}

/** Unpacks the members of each row. */
export function unpackMembers(packed: string, start: number): readonly (readonly IndexedMember[])[] {
  const bytes = Buffer.from(packed, "base64");
  const rows: IndexedMember[][] = [];
  let at = 0;
  let end = start;
  const next = () => {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const members: IndexedMember[] = [];
    for (let left = next(); left > 0; left -= 1) {
      const ending = next();
      const memberStart = end + next();
      const size = next();
      members.push({ ending, start: memberStart, bytes: size, crc32: bytes.readUInt32LE(at) });
      at += 4;
      end = memberStart + size;
    }
    rows.push(members);
  }
  return rows;
}

/** Pushes a whole number of up to 53 bits as LEB128. */
function pushNumber(bytes: number[], number: number): void {
  let rest = number;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}
