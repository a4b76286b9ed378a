/**
 * Global key of the modules that a bundle shares with its host thread: the step API and Arrow. Both sides
 * exchange Arrow objects, so they need the same classes.
 */
export const HOST_MODULES = "shardmill.modules";
