import { LIST } from '../place.ts';
import { Link } from '../route.tsx';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';
import { Logo } from './logo.tsx';
import { usePageTitle } from './page-title.ts';

export function NotFound() {
  const { text } = usePagesTexts();
  usePageTitle(text('notFound.title'));
  return (
    <main className="cruddur-plain-page">
      <div className="cruddur-plain-card">
        <Logo />
        <h1>{text('notFound.title')}</h1>
        <p>{text('notFound.text')}</p>
        <Link className="cruddur-button cruddur-primary" to={LIST}>
          {text('notFound.link')}
        </Link>
      </div>
    </main>
  );
}
