import { decodeSound } from "../../../extensions/sound/decode.ts";
import type { SoundBlock } from "../../../extensions/sound/sound-block.ts";

/** Decodes a whole sound, by channel. */
export async function decodeAll(bytes: Uint8Array): Promise<SoundBlock> {
  const blocks: SoundBlock[] = [];
  for await (const block of decodeSound(bytes)) blocks.push(block);
  const [first] = blocks;
  if (first === undefined) return { rate: 0, channels: [] };
  const channels = first.channels.map((_, channel) => {
    return Float32Array.from(blocks.flatMap((block) => [...(block.channels[channel] ?? [])]));
  });
  return { rate: first.rate, channels };
}
