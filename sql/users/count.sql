-- Number of users.
SELECT count(*) AS users
FROM public.users
