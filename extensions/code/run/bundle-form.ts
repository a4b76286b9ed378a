/**
 * Where a bundle finds, among what is global, the modules that it shares with the thread that runs it, by
 * their names: the API of steps, and Arrow, whose objects go to and fro.
 */
export const HOST_MODULES = "shardmill.modules";
