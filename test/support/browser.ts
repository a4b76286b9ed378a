import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";

/** Path of the browser. Default: Debian's Chromium. */
const EXECUTABLE = process.env.SHARDMILL_CHROMIUM ?? "/usr/bin/chromium";

/** A browser that collects errors of its pages. */
export class TestBrowser implements AsyncDisposable {
  /** Errors of the console and of scripts, and requests to other origins. */
  readonly troubles: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<TestBrowser> {
    const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
    return new TestBrowser(await chromium.launch({ executablePath: EXECUTABLE, args }));
  }

  /**
   * Opens a page in a new profile. `expected`: allowed messages of its console, e.g. while no server answers.
   */
  async page(
    options: { readonly width?: number; readonly dark?: boolean; readonly expected?: RegExp } = {},
  ): Promise<Page> {
    const { width = 1100, dark = false, expected = /^$/ } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height: 800 },
      colorScheme: dark ? "dark" : "light",
    });
    const page = await context.newPage();
    page.on("console", (message) => {
      const isTrouble = message.type() === "error" || message.type() === "warning";
      if (isTrouble && !expected.test(message.text())) this.troubles.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.troubles.push(`script: ${error.message}`));
    page.on("request", (request) => {
      const from = page.url();
      const to = request.url();
      const isElsewhere =
        /^https?:/.test(from) && /^https?:/.test(to) && new URL(to).origin !== new URL(from).origin;
      if (isElsewhere) this.troubles.push(`request: ${to}`);
    });
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

let axe: string | undefined;

/** Returns faults of accessibility that axe-core finds, as `rule: element`. */
export async function accessFaults(page: Page): Promise<string[]> {
  axe ??= await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  // Evaluated by the debugger, because the page's policy forbids foreign scripts.
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const { axe: found } = globalThis as unknown as { axe: { run(): Promise<AxeResult> } };
    const { violations } = await found.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** Saves a screenshot for people when `SHARDMILL_PICTURES` names a folder. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SHARDMILL_PICTURES;
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** Returns by how many pixels a page is wider than its window. */
export async function beyondWindow(page: Page): Promise<number> {
  return Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
}

/** Returns the text of the focused element. */
export async function focusedText(page: Page): Promise<string> {
  return String(await page.evaluate("document.activeElement?.textContent ?? ''"));
}
