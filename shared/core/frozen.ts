/** Schema's output as a deeply read-only type. */
export type Frozen<T> = T extends string | number | boolean
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;
