import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.doUnmock("#extensions");
  vi.resetModules();
});

/** Imports the module with other extensions than the product's. */
async function withExtensions(extensions: readonly object[]) {
  vi.resetModules();
  vi.doMock("#extensions", () => ({ EXTENSIONS: extensions }));
  return await import("../../../../shared/domain/queue-address.ts");
}

/** Returns an extension whose addresses have a scheme of its own. */
function brokerOf(scheme: string) {
  const accepts = (address: string) => new RegExp(`^${scheme}://\\w+/[\\w%]+$`).test(address);
  return {
    name: scheme,
    queue: { title: `${scheme} (\`${scheme}://\`)`, form: `${scheme}://HOST/NAME`, accepts },
  };
}

test("an address belongs to the extension that accepts it", async () => {
  const post = brokerOf("post");
  const { queuePartOf, QUEUE_FORMS, QUEUE_TITLES } = await withExtensions([post, brokerOf("pipe")]);
  expect(queuePartOf("post://office/letters")).toBe(post.queue);
  expect(queuePartOf("post://office/")).toBeNull();
  expect(queuePartOf("mail://office/letters")).toBeNull();
  expect(QUEUE_FORMS).toBe("`post://HOST/NAME`, or `pipe://HOST/NAME`");
  expect(QUEUE_TITLES).toBe("post (`post://`) or pipe (`pipe://`)");
});

test("a second queue is named within the address of the first one, or has a complete address", async () => {
  const { siblingQueue } = await withExtensions([brokerOf("post"), brokerOf("pipe")]);
  expect(siblingQueue("post://office/letters", "parcels")).toBe("post://office/parcels");
  expect(siblingQueue("post://office/letters", "ä")).toBe("post://office/%C3%A4");
  expect(siblingQueue("post://office/letters", "pipe://hall/letters")).toBe("pipe://hall/letters");
  for (const none of ["a/b", "a?b", "a b", "#a"])
    expect(siblingQueue("post://office/letters", none)).toBeNull();
});

test("without extensions there is no queue, and the list of forms explains this", async () => {
  const { queuePartOf, QUEUE_FORMS } = await withExtensions([]);
  expect(queuePartOf("amqp://h/v/q")).toBeNull();
  expect(QUEUE_FORMS).toBe("(no extension reads queues)");
});
