import '@cruddur/react/styles/list.css';
import './styles/page.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { OidcAccount } from './auth/oidc-account.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { restrictConnections } from './content-security-policy.ts';
import { ErrorBoundary } from './shell/error-boundary.tsx';
import { LanguageProvider, loadLanguage } from './texts/texts.tsx';

const base = import.meta.env.BASE_URL;

async function start(): Promise<void> {
  const element = document.querySelector('#root');
  if (element === null) {
    throw new Error('index.html has no #root');
  }
  let language = await loadLanguage(navigator.languages);
  document.documentElement.lang = language.texts.locale;
  document.documentElement.dir = language.direction;
  const root = createRoot(element);
  let config: Config;
  try {
    config = await loadConfig(`${base}config.json`, window.location.origin);
    if (config.name ?? config.accent ?? config.logo ?? config.errorUrl) {
      const { applyOptions } = await import('./options.ts');
      language = applyOptions(config, window.location.origin, language);
    }
  } catch (error) {
    const { ConfigProblem } = await import('./shell/pages.ts');
    const reason = error instanceof ConfigError ? error.message : String(error);
    root.render(
      <LanguageProvider value={language}>
        <ConfigProblem reason={reason} />
      </LanguageProvider>,
    );
    return;
  }
  if (import.meta.env.PROD) {
    // Before any other request. The development server needs other connections.
    restrictConnections(config);
  }
  const account = new OidcAccount(config, new URL(base, window.location.origin).href);
  const path = await account.open(window.location);
  if (path !== null) {
    // The authorization code in the address has been used.
    window.history.replaceState(null, '', base.replace(/\/$/, '') + path);
  }
  root.render(
    <StrictMode>
      <LanguageProvider value={language}>
        <ErrorBoundary account={account} extent="page">
          <App config={config} account={account} />
        </ErrorBoundary>
      </LanguageProvider>
    </StrictMode>,
  );
}

void start();
