import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';
import { usePageTexts } from '../texts/texts.tsx';
import { Logo } from './logo.tsx';

/** Why the page can't start, for the person who deploys it. */
export function ConfigProblem({ reason }: { reason: string }) {
  const { text } = usePageTexts();
  const { text: own, rich } = usePagesTexts();
  return (
    <main className="cruddur-plain-page">
      <div className="cruddur-plain-card">
        <Logo />
        <h1>{own('config.title', { app: text('app') })}</h1>
        <p className="cruddur-problem" role="alert" lang="en" dir="ltr">
          {reason}
        </p>
        <p>{rich('config.text', { file: <code key="file">config.json</code> })}</p>
      </div>
    </main>
  );
}
