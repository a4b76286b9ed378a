/** Resources that are released together, in reverse order: all of them, even when one release fails. */
export class ResourceStack {
  readonly #resources: AsyncDisposable[] = [];

  add<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** @throws the first error, once all are released */
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
