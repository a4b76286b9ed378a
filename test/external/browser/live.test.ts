import { expect } from "vitest";
import { accessFaults, picture, TestBrowser } from "../../support/browser.ts";
import { JobFolder } from "../../support/job-folder.ts";
import { needs } from "../../support/needs.ts";
import { runCli, startCli } from "../../support/processes.ts";

/** Messages of a browser while a coordinator does not answer. */
const AWAY = /ERR_|net::|Failed to load resource/;

needs("web", "report")(
  "the page follows a job to its end, across the kill and restart of its coordinator",
  async () => {
    await using job = await JobFolder.make({
      files: 4,
      rowsPerFile: 400,
      spec: { output: { path: "./out", report: true } },
    });
    await using browser = await TestBrowser.start();
    const serve = async (http: string) => {
      const cli = startCli(["coordinator", "--listen", "127.0.0.1:0", "--http", http], { limitMs: 200_000 });
      const [, address = ""] = await cli.saw(/coordinator on (\S+?)[,\s]/);
      const [, url = ""] = await cli.saw(/HTTP on (http:\S+)/);
      return { cli, address, port: new URL(url).port };
    };
    const submit = (to: string) => runCli(["submit", job.job, "--coordinator", to, "--json"]);
    const first = await serve("127.0.0.1:0");
    await using _first = first.cli;
    expect((await submit(first.address)).code).toBe(0);
    const link = await runCli(["page", "--http", `127.0.0.1:${first.port}`]);
    expect(link.code).toBe(0);
    const page = await browser.page({ expected: AWAY });
    await page.goto(link.stdout.trim());
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    expect(page.url(), "the address no longer contains the login pass").not.toContain("login");
    await page.locator("ul.jobs a").first().click();
    await page.getByText("running ·").waitFor();
    await page.getByRole("button", { name: "Cancel the job" }).waitFor();

    first.cli.killGroup("SIGKILL");
    await page.getByText("There is no connection to the coordinator").waitFor();
    const second = await serve(`127.0.0.1:${first.port}`);
    await using _second = second.cli;
    await page.getByText("There is no connection to the coordinator").waitFor({ state: "detached" });
    expect((await submit(second.address)).code).toBe(0);
    await using _worker = startCli(["worker", "--coordinator", second.address], {
      limitMs: 200_000,
    });
    await page.getByText("published ·").waitFor({ timeout: 90_000 });
    await page
      .getByRole("navigation", { name: "Of this job" })
      .getByRole("link", { name: "Workers" })
      .click();
    await page.locator("svg[role=img] rect.span.committed").first().waitFor();
    await picture(page, "live-workers");
    expect(browser.troubles).toEqual([]);

    // The report of the job, opened from the disk, without a server.
    const report = await browser.page();
    await report.goto(`file://${job.out}/_report.html`);
    await report.getByRole("heading", { name: "Workers over time" }).waitFor();
    expect(await accessFaults(report)).toEqual([]);
    await picture(report, "live-report");
    expect(browser.troubles).toEqual([]);
  },
);
