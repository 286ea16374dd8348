import { Mark } from './mark.tsx';

/** For who installs the page: why it can't start. */
export function ConfigProblem({ reason }: { reason: string }) {
  return (
    <main className="plain-page">
      <div className="plain-card">
        <Mark />
        <h1>Cruddur Messages can't start</h1>
        <p className="problem" role="alert">
          {reason}
        </p>
        <p>
          The file <code>config.json</code> beside this page says where the API and the sign-in are. Its form is in
          the README of the web client.
        </p>
      </div>
    </main>
  );
}
