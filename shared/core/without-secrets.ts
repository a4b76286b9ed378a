/**
 * A text as it may be shown: in addresses what stands before `@` (a name and a password) and behind `?` (a
 * signature, a token) is left out. For texts of users, which may be anything: what is known to be an address
 * is better parsed.
 */
export function withoutSecrets(text: string): string {
  return text.replace(
    /([A-Za-z][A-Za-z0-9+.-]*:\/\/)([^\s"'`<>/?#]*@)?([^\s"'`<>?]*)(\?[^\s"'`<>]*)?/g,
    (...[, scheme = "", user = "", rest = "", query = ""]: readonly string[]) =>
      `${scheme}${isSecretUser(scheme, user) ? "...@" : user}${rest}${query === "" ? "" : "?..."}`,
  );
}

/** Azure's addresses have a container there. */
function isSecretUser(scheme: string, user: string): boolean {
  return user.includes(":") || (user !== "" && /^https?:/i.test(scheme));
}
