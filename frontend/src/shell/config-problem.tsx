import { Logo } from './logo.tsx';

/** Why the page can't start, for the person who deploys it. */
export function ConfigProblem({ reason }: { reason: string }) {
  return (
    <main className="plain-page">
      <div className="plain-card">
        <Logo />
        <h1>Cruddur Messages can't start</h1>
        <p className="problem" role="alert">
          {reason}
        </p>
        <p>
          The file <code>config.json</code> next to this page sets the addresses of the API and the issuer. The web client's
          README describes its fields.
        </p>
      </div>
    </main>
  );
}
