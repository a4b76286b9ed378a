/** What a schema gives, as nobody may change it. */
export type Frozen<T> = T extends string | number | boolean
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;
