//! Checks of the user pool, and its test users.

use std::error::Error as StdError;

use aws_sdk_cognitoidentityprovider::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{admin_get_user::AdminGetUserError, admin_initiate_auth::AdminInitiateAuthError},
    types::{AttributeType, AuthFlowType, MessageActionType, UserPoolType, UserType, UsernameAttributeType},
};
use cruddur::random::Random;
use http::{HeaderValue, Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::report::{CheckResult, Problem, Success};
use crate::{
    aws_calls::{Calls, LAMBDA, function_name},
    chat::api::bearer,
    cognito::pool::UserPool,
    context::aws_error,
};

/// The handles of the test users.
pub(super) const TEST_HANDLES: [&str; 2] = ["deploy-check-a", "deploy-check-b"];

/// Characters that AWS signatures encode in a path segment (RFC 3986).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A domain that never receives email.
const MAIL_DOMAIN: &str = "deploy-check.invalid";

#[derive(Debug)]
pub(super) struct Pool {
    pool: UserPool,
    client: Client,
}

/// A test user who can sign in.
#[derive(Debug)]
pub(super) struct TestUser {
    username: String,
    sub: String,
    handle: &'static str,
}

impl Pool {
    pub(super) async fn new(pool: UserPool) -> Self {
        let client = pool.client().await;
        Self { pool, client }
    }

    /// Checks that the pool's post-confirmation trigger is the `expected` function. Returns the function.
    pub(super) async fn check_trigger(&self, expected: Option<&str>) -> CheckResult<String> {
        let pool = self.describe().await?;
        let advice = format!(
            "{}: make it the pool's post-confirmation trigger, then add users who signed up meanwhile with \
             `cruddur cognito sync-user-ids --create --target aws`",
            expected.unwrap_or("the function post-confirmation")
        );
        let function = pool.lambda_config().and_then(|config| config.post_confirmation());
        let Some(function) = function else {
            return Err(Problem::new("the pool has no post-confirmation trigger", advice));
        };
        if expected.is_some_and(|expected| expected != function) {
            let seen = format!("the pool's post-confirmation trigger is another function, {function}");
            return Err(Problem::new(seen, advice));
        }
        let name = function_name(function);
        Ok(Success::with(format!("{name} is the pool's post-confirmation trigger"), function.to_owned()))
    }

    /// Signs a test user in with a random password, and creates the user if missing. Adds the user to `users` before
    /// they can sign in.
    pub(super) async fn sign_in(
        &self,
        client_id: &str,
        handle: &'static str,
        users: &mut Vec<TestUser>,
    ) -> CheckResult<HeaderValue> {
        let pool = self.describe().await?;
        let mail = format!("{handle}@{MAIL_DOMAIN}");
        let by_mail = pool.username_attributes().contains(&UsernameAttributeType::Email);
        let username = if by_mail { mail.clone() } else { handle.to_owned() };
        let sub = match self.sub(&username).await? {
            Some(sub) => sub,
            None => self.create(&username, handle, &mail).await?,
        };
        users.push(TestUser { username: username.clone(), sub, handle });
        let (client, id, username) = (&self.client, &self.pool.id, &username);
        let enabled = client.admin_enable_user().user_pool_id(id).username(username).send().await;
        enabled.map_err(|error| self.problem("cognito-idp:AdminEnableUser", &error))?;
        // Satisfies any password policy of a pool.
        let digits = Random::system().bytes::<20>().map(|byte| format!("{byte:02x}")).concat();
        let password = format!("aA1-{digits}");
        let set = client.admin_set_user_password().user_pool_id(id).username(username);
        let set = set.password(&password).permanent(true).send().await;
        set.map_err(|error| self.problem("cognito-idp:AdminSetUserPassword", &error))?;
        let token = self.token(client_id, username, &password).await?;
        Ok(Success::with(format!("{handle} is signed in"), token))
    }

    /// Runs the trigger for the test user, as Cognito does after a sign-up, but not for users created by an administrator.
    pub(super) async fn confirm(&self, calls: &Calls, function: &str, user: &TestUser) -> CheckResult {
        let TestUser { username, sub, handle } = user;
        let event = json!({
            "version": "1",
            "region": self.pool.region,
            "userPoolId": self.pool.id,
            "userName": username,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "deploy-check"},
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "request": {"userAttributes": {
                "sub": sub, "email": format!("{handle}@{MAIL_DOMAIN}"), "email_verified": "true",
                "name": name(handle), "preferred_username": handle,
            }},
            "response": {},
        });
        let path = format!("/2015-03-31/functions/{}/invocations", utf8_percent_encode(function, RESERVED));
        let permission = "lambda:InvokeFunction on the function post-confirmation";
        let mut request = Request::new(event.to_string());
        *request.method_mut() = Method::POST;
        let answer: Value = calls
            .call(LAMBDA, &path, &request)
            .await
            .map_err(|error| Problem::of_error(&error, permission))?;
        if answer == event {
            // The response does not show whether the user was added. The check of the token does.
            return Ok(Success::new(format!("it responded for {handle}")));
        }
        Err(Problem::new(
            "it does not return its event, which fails every sign-up",
            "check that the trigger is the function post-confirmation, and see its log",
        ))
    }

    /// Disables the test user until the next run.
    pub(super) async fn disable(&self, user: &TestUser) -> CheckResult {
        let TestUser { username, handle, .. } = user;
        let disabled = self.client.admin_disable_user().user_pool_id(&self.pool.id).username(username);
        disabled.send().await.map_err(|error| self.problem("cognito-idp:AdminDisableUser", &error))?;
        Ok(Success::new(format!("{handle} is disabled until the next check")))
    }

    async fn describe(&self) -> Result<UserPoolType, Problem> {
        let answer = self.client.describe_user_pool().user_pool_id(&self.pool.id).send().await;
        let answer = answer.map_err(|error| self.problem("cognito-idp:DescribeUserPool", &error))?;
        answer.user_pool.ok_or_else(|| Problem::new("Cognito does not describe the pool", "check again"))
    }

    /// The user's `sub`, if the user exists.
    async fn sub(&self, username: &str) -> Result<Option<String>, Problem> {
        let user = self.client.admin_get_user().user_pool_id(&self.pool.id).username(username).send().await;
        match user {
            Ok(user) => sub(user.user_attributes()).map(Some),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), AdminGetUserError::UserNotFoundException(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.problem("cognito-idp:AdminGetUser", &error)),
        }
    }

    async fn create(&self, username: &str, handle: &str, mail: &str) -> Result<String, Problem> {
        let name = name(handle);
        let attributes =
            [("email", mail), ("email_verified", "true"), ("name", &name), ("preferred_username", handle)];
        let mut user = self.client.admin_create_user().user_pool_id(&self.pool.id).username(username);
        for (name, value) in attributes {
            let attribute = AttributeType::builder().name(name).value(value).build();
            user = user
                .user_attributes(attribute.map_err(|error| Problem::new(error.to_string(), "report this"))?);
        }
        let answer = user.message_action(MessageActionType::Suppress).send().await;
        let answer = answer.map_err(|error| self.problem("cognito-idp:AdminCreateUser", &error))?;
        sub(answer.user().map(UserType::attributes).unwrap_or_default())
    }

    async fn token(&self, client_id: &str, username: &str, password: &str) -> Result<HeaderValue, Problem> {
        let advice = "sign two users in, and set CRUDDUR_TOKEN_A and CRUDDUR_TOKEN_B to their access tokens";
        let answer = self
            .client
            .admin_initiate_auth()
            .user_pool_id(&self.pool.id)
            .client_id(client_id)
            .auth_flow(AuthFlowType::AdminUserPasswordAuth)
            .auth_parameters("USERNAME", username)
            .auth_parameters("PASSWORD", password)
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let is_forbidden =
                error.as_service_error().is_some_and(AdminInitiateAuthError::is_invalid_parameter_exception);
            let mut problem = self.problem("cognito-idp:AdminInitiateAuth", &error);
            if is_forbidden {
                problem.advice = format!(
                    "enable ALLOW_ADMIN_USER_PASSWORD_AUTH for the client (it requires AWS credentials), or {advice}"
                );
            }
            problem
        })?;
        let result = answer.authentication_result();
        if let Some(token) = result.and_then(|result| result.access_token()).and_then(bearer) {
            return Ok(token);
        }
        let challenge = answer.challenge_name().map_or("no token", |challenge| challenge.as_str());
        let seen = format!("the pool requires more than a password: {challenge}");
        Err(Problem::new(seen, advice))
    }

    fn problem<E>(&self, permission: &str, error: &SdkError<E>) -> Problem
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let seen = aws_error(&self.pool.place(), error).to_string();
        let advice =
            format!("check the pool {}; these credentials need the permission {permission}", self.pool.id);
        Problem::new(seen, advice)
    }
}

fn sub(attributes: &[AttributeType]) -> Result<String, Problem> {
    let sub = attributes.iter().find(|attribute| attribute.name() == "sub").and_then(|sub| sub.value());
    sub.map(str::to_owned).ok_or_else(|| Problem::new("Cognito shows a user without a sub", "check again"))
}

fn name(handle: &str) -> String {
    format!("Test user {handle}")
}
