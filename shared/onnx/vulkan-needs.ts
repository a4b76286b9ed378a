import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

/** Variables that name driver manifests instead of the folders, in the order of the Vulkan loader. */
const VARIABLES = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] as const;

/**
 * Returns what WebGPU needs on this machine. Advises a package only when the machine lacks it. Looks for
 * drivers where the Vulkan loader does: `LoaderDriverInterface.md` of Khronos' Vulkan-Loader.
 */
export function vulkanNeeds(env: NodeJS.ProcessEnv): string {
  if (process.platform !== "linux") return "needs a GPU with its driver";
  const named = VARIABLES.find((name) => env[name] !== undefined);
  const drivers = named === undefined ? installedDrivers(env) : listed(env[named]).filter(existsSync);
  if (named !== undefined && drivers.length === 0)
    return `needs a Vulkan driver, but ${named} names no existing file: correct or unset it`;
  const maker = "mesa-vulkan-drivers, or the GPU maker's own";
  if (!hasLoader()) {
    return drivers.length === 0
      ? `needs the Vulkan loader and a Vulkan driver (on Debian and Ubuntu: libvulkan1 and ${maker})`
      : "needs the Vulkan loader (on Debian and Ubuntu: libvulkan1)";
  }
  if (drivers.length === 0) return `needs a Vulkan driver (on Debian and Ubuntu: ${maker})`;
  const names = drivers.map((path) => basename(path)).join(", ");
  return `needs a GPU with a newer driver: none of the installed Vulkan drivers gave it a device (${names})`;
}

function installedDrivers(env: NodeJS.ProcessEnv): readonly string[] {
  const home = env.HOME ?? homedir();
  const roots = [
    env.XDG_CONFIG_HOME ?? join(home, ".config"),
    ...listed(env.XDG_CONFIG_DIRS ?? "/etc/xdg"),
    "/etc",
    env.XDG_DATA_HOME ?? join(home, ".local", "share"),
    ...listed(env.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share"),
  ];
  return roots
    .map((root) => join(root, "vulkan", "icd.d"))
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).filter((name) => name.endsWith(".json")));
}

function listed(value: string | undefined): readonly string[] {
  return (value ?? "").split(":").filter((path) => path !== "");
}

/** Reads glibc's list of libraries. Without the list, the loader counts as installed. */
function hasLoader(): boolean {
  const cache = "/etc/ld.so.cache";
  return !existsSync(cache) || readFileSync(cache, "latin1").includes("libvulkan.so.1");
}
