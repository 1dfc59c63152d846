//! Runtime and operator tokens.
//! Next: `standing`.

use super::{Control, ControlFault, IssuedToken, TokenRequest, operator};
use crate::identity::Actor;
use crate::token;
use backstop_model::event::{Fact, TokenKind, TokenRecord};
use backstop_model::id::TokenId;

impl Control {
    /// Makes a runtime or operator token.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn issue_token(
        &self,
        by: &Actor,
        request: TokenRequest,
    ) -> Result<IssuedToken, ControlFault> {
        operator(by)?;
        let TokenRequest { kind, principal, bound, lives } = request;
        let invalid = |text: &str| Err(ControlFault::Invalid(text.to_owned()));
        match (kind, &bound) {
            (TokenKind::Agent, _) => return invalid("agent tokens come with their session"),
            (TokenKind::Operator, Some(_)) => return invalid("an operator is bound to nothing"),
            (TokenKind::Runtime, None) => return invalid("a runtime is bound to a tenant"),
            (TokenKind::Runtime, Some(bound)) => {
                if bound.session.is_some() || bound.skill.is_some() {
                    return invalid("a runtime is bound to tenant, role and ceiling alone");
                }
                if !self.inner.policy().tenants().any(|tenant| *tenant == bound.tenant) {
                    let text = format!("no policy document names the tenant `{}`", bound.tenant);
                    return Err(ControlFault::Invalid(text));
                }
            }
            (TokenKind::Operator, None) => {}
        }
        let now = self.inner.now();
        let (secret, hash) = token::draw(kind, &*self.inner.random)?;
        let id = TokenId::draw(now, self.ten()?);
        let expires = lives.map(|lives| now.plus(lives));
        let record =
            TokenRecord { id: id.clone(), kind, hash, principal: Some(principal), bound, expires };
        self.act(None, Fact::TokenIssued(record)).await?;
        Ok(IssuedToken { id, token: secret, expires })
    }

    /// Revokes a token by its public id; what lives by it is cut before this answers.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn revoke_token(&self, by: &Actor, id: &TokenId) -> Result<(), ControlFault> {
        let principal = operator(by)?;
        let view = self
            .inner
            .ledger
            .views()
            .token_by_id(id)
            .ok_or_else(|| ControlFault::Unknown(format!("token `{id}` is not known")))?;
        if view.revoked.is_some() {
            return Err(ControlFault::Conflict(format!("token `{id}` is revoked already")));
        }
        let _claim = self.inner.claims.claim(id.as_str())?;
        let fact = Fact::TokenRevoked { id: id.clone(), by: principal.clone() };
        self.act(view.bound, fact).await?;
        self.inner.sweep().await;
        Ok(())
    }
}
