-- Erased users after their last pass whose Cognito users may still exist.
SELECT uuid, cognito_user_id
FROM public.users
WHERE erased_at IS NOT NULL AND erasure_due_at IS NULL AND cognito_user_id IS NOT NULL
ORDER BY erased_at, uuid
