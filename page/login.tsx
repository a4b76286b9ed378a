import { useState } from "preact/hooks";
import { api, type Who } from "./api.tsx";

/** Login for a user without a link of `shardmill page`. */
export function Login({ onEntered }: { readonly onEntered: (who: Who) => void }) {
  const [problem, setProblem] = useState("");
  const enter = (event: SubmitEvent) => {
    event.preventDefault();
    const pass = new FormData(event.currentTarget as HTMLFormElement).get("pass");
    api.login(String(pass).trim()).then(onEntered, (error: Error) => setProblem(error.message));
  };
  return (
    <main>
      <form class="login" onSubmit={enter}>
        <h1>Shardmill</h1>
        <p>
          Open the link that <code>shardmill page</code> prints, or enter a token.
        </p>
        <label>
          Token
          <input name="pass" type="password" autocomplete="current-password" required />
        </label>
        <button type="submit">Enter</button>
        <p class="bad" role="alert">
          {problem}
        </p>
      </form>
    </main>
  );
}
