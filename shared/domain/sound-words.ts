/** Whether a row has one channel's values after the other, or each moment's side by side. */
export const SOUND_LAYOUTS = ["channelsFirst", "channelsLast"] as const;

/** Ways to end a sound whose last window is not full: zeros, the sound from its start, or no such window. */
export const WINDOW_ENDS = ["zeros", "repeat", "drop"] as const;
