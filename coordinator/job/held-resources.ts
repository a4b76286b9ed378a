/**
 * What a job holds while it runs, let go of in reverse order: all of it, also when one cannot be let go of in
 * peace.
 */
export class Held {
  readonly #resources: AsyncDisposable[] = [];

  add<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** @throws the first error, once all is let go of */
  async release(): Promise<void> {
    const errors: unknown[] = [];
    for (const resource of this.#resources.splice(0).reverse()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
