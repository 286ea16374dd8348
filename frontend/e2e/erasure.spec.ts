import { composer, expect, inbox, message, openConversation, say, sentMark, t, test } from './test.ts';

test('a deleted account leaves no texts and no name, and takes no messages', async ({ signIn }) => {
  const [scarlett, sunyoung] = [await signIn('scarlett'), await signIn('sunyoung')];
  await openConversation(scarlett, 'Sunyoung Lee');
  await say(scarlett, 'Remember me');
  await expect(sentMark(scarlett, 'Remember me')).toBeAttached();
  await openConversation(sunyoung, 'Scarlett Ho');
  await expect(message(sunyoung, 'Remember me')).toBeVisible();

  await scarlett.getByRole('button', { name: t('settings'), exact: true }).click();
  await scarlett.getByText(t('settings.deleteAccount'), { exact: true }).click();
  const dialog = scarlett.getByRole('dialog');
  const button = dialog.getByRole('button', { name: t('settings.delete'), exact: true });
  await expect(button).toBeDisabled();
  await dialog.getByRole('textbox').last().fill('@scarlett');
  await scarlett.screenshot({ path: test.info().outputPath('settings.png') });
  await button.click();
  await expect(scarlett.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  await scarlett.getByRole('button', { name: t('welcome.signIn') }).click();
  await expect(scarlett.getByRole('button', { name: '@sunyoung' })).toBeVisible();
  await expect(scarlett.getByRole('button', { name: '@scarlett' })).toHaveCount(0);

  await expect(message(sunyoung, 'Remember me')).toHaveCount(0);
  await expect(async () => {
    await sunyoung.reload();
    await expect(inbox(sunyoung).getByRole('link', { name: 'Deleted user' })).toBeVisible();
    await expect(sunyoung.getByText('Scarlett Ho')).toHaveCount(0);
  }).toPass();
  await expect(composer(sunyoung)).toHaveCount(0);
  await expect(sunyoung.getByText(t('erased.notice'))).toBeVisible();
  await sunyoung.screenshot({ path: test.info().outputPath('conversation.png') });
});
