//! What is done to a value: replaced, redacted, masked, hashed, encrypted, kept; or decrypted.
//! Names, parameters and words of faults are Presidio's. Next: back to `mod`.

use super::Fault;
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::iv::FixedLength;
use backstop_model::redacted::Redacted;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What may be done to a value.
pub(super) const ANONYMIZERS: &[&str] = &["replace", "redact", "mask", "hash", "encrypt", "keep"];
/// What may be done to undo it.
pub(super) const DEANONYMIZERS: &[&str] = &["decrypt", "deanonymize_keep"];

/// One thing to do to values.
#[derive(Debug, Clone)]
pub(super) enum Operator {
    Replace(Option<String>),
    Redact,
    Mask { with: String, count: usize, from_end: bool },
    Hash { long: bool, salt: Option<Redacted<Vec<u8>>> },
    Encrypt(Redacted<Vec<u8>>),
    Decrypt(Redacted<Vec<u8>>),
    Keep { name: &'static str },
}

/// What is done to which entity.
#[derive(Debug, Default)]
pub(super) struct Operators(BTreeMap<String, Operator>);

/// Which way a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Anonymize,
    Deanonymize,
}

/// Presidio's name for all other entities.
const DEFAULT: &str = "DEFAULT";
/// A shorter salt is refused.
const SHORTEST_SALT: usize = 16;

impl Operators {
    /// Reads `anonymizers` or `deanonymizers`.
    ///
    /// # Errors
    /// The first that is wrong.
    pub(super) fn read(value: Option<&Value>, direction: Direction) -> Result<Self, Fault> {
        let mut operators = BTreeMap::new();
        match value.filter(|value| !value.is_null()) {
            None => {}
            Some(Value::Object(map)) => {
                for (entity, config) in map {
                    operators.insert(entity.clone(), Operator::read(config, direction)?);
                }
            }
            Some(_) => return Err(Fault::parameter("Invalid parameter value for 'operators'.")),
        }
        if direction == Direction::Anonymize {
            operators.entry(DEFAULT.to_owned()).or_insert(Operator::Replace(None));
        }
        Ok(Self(operators))
    }

    /// What is done to an entity.
    ///
    /// # Errors
    /// Where nobody said.
    pub(super) fn of(&self, entity: &str) -> Result<&Operator, Fault> {
        self.0
            .get(entity)
            .or_else(|| self.0.get(DEFAULT))
            .ok_or_else(|| Fault::parameter(format!("Expected an operator for '{entity}'")))
    }
}

impl Operator {
    fn read(config: &Value, direction: Direction) -> Result<Self, Fault> {
        let config = config
            .as_object()
            .ok_or_else(|| Fault::parameter("Invalid parameter value for 'params'."))?;
        let name = text(config, "type")
            .map_err(|_| Fault::parameter("Expected parameter operator_name"))?;
        let known = match direction {
            Direction::Anonymize => ANONYMIZERS,
            Direction::Deanonymize => DEANONYMIZERS,
        };
        if name == "custom" && direction == Direction::Anonymize {
            let status = http::StatusCode::BAD_REQUEST;
            return Err(Fault::new(status, "Custom type anonymizer is not supported"));
        }
        if !known.contains(&name) {
            return Err(Fault::parameter(format!("Invalid operator class '{name}'.")));
        }
        match name {
            "redact" => Ok(Self::Redact),
            "mask" => Self::mask(config),
            "hash" => Self::hash(config),
            "encrypt" => key(config).map(Self::Encrypt),
            "decrypt" => key(config).map(Self::Decrypt),
            "keep" => Ok(Self::Keep { name: "keep" }),
            "deanonymize_keep" => Ok(Self::Keep { name: "deanonymize_keep" }),
            _ => match config.get("new_value") {
                None | Some(Value::Null) => Ok(Self::Replace(None)),
                Some(Value::String(new)) => {
                    Ok(Self::Replace(Some(new.clone()).filter(|new| !new.is_empty())))
                }
                Some(other) => Err(wrong_type("new_value", "string", other)),
            },
        }
    }

    fn mask(config: &Map<String, Value>) -> Result<Self, Fault> {
        let with = text(config, "masking_char")?;
        if with.chars().count() > 1 {
            return Err(Fault::parameter("Invalid input, masking_char must be a character"));
        }
        let given = |name: &str| {
            let value = config.get(name).filter(|value| !value.is_null());
            value.ok_or_else(|| Fault::parameter(format!("Expected parameter {name}")))
        };
        let count = given("chars_to_mask")?;
        let number = count.as_i64().ok_or_else(|| wrong_type("chars_to_mask", "number", count))?;
        let from_end = given("from_end")?;
        let from_end =
            from_end.as_bool().ok_or_else(|| wrong_type("from_end", "boolean", from_end))?;
        let count = usize::try_from(number).unwrap_or(0);
        Ok(Self::Mask { with: with.to_owned(), count, from_end })
    }

    fn hash(config: &Map<String, Value>) -> Result<Self, Fault> {
        let long = match config.get("hash_type").and_then(Value::as_str) {
            Some("sha512") => true,
            Some("sha256") => false,
            None if config.get("hash_type").is_none_or(Value::is_null) => false,
            Some(_) | None => {
                return Err(Fault::parameter(
                    "Parameter hash_type is not in range of values ['sha256', 'sha512']",
                ));
            }
        };
        let salt = match config.get("salt") {
            None | Some(Value::Null) => None,
            Some(Value::String(salt)) if salt.len() >= SHORTEST_SALT => {
                Some(Redacted::new("salt", salt.as_bytes().to_vec()))
            }
            Some(Value::String(salt)) => {
                return Err(Fault::parameter(format!(
                    "Salt must be at least {SHORTEST_SALT} bytes (128 bits). Provided salt is {} bytes.",
                    salt.len()
                )));
            }
            Some(other) => return Err(wrong_type("salt", "string", other)),
        };
        Ok(Self::Hash { long, salt })
    }

    /// Its name in answers.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Replace(_) => "replace",
            Self::Redact => "redact",
            Self::Mask { .. } => "mask",
            Self::Hash { .. } => "hash",
            Self::Encrypt(_) => "encrypt",
            Self::Decrypt(_) => "decrypt",
            Self::Keep { name } => name,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// Where a cipher text is none, or not of this key.
    pub(super) fn run(&self, entity: &str, value: &str) -> Result<String, Fault> {
        Ok(match self {
            Self::Replace(Some(new)) => new.clone(),
            Self::Replace(None) => format!("<{entity}>"),
            Self::Redact => String::new(),
            Self::Keep { .. } => value.to_owned(),
            Self::Mask { with, count, from_end } => {
                let length = value.chars().count();
                let count = (*count).min(length);
                let mask = with.repeat(count);
                if *from_end {
                    let kept: String = value.chars().take(length - count).collect();
                    format!("{kept}{mask}")
                } else {
                    mask + &value.chars().skip(count).collect::<String>()
                }
            }
            Self::Hash { long, salt } => {
                let mut salted = value.as_bytes().to_vec();
                match salt {
                    Some(salt) => salted.extend_from_slice(salt.expose()),
                    None => salted.extend_from_slice(&drawn_salt()?),
                }
                let sum = digest(if *long { &SHA512 } else { &SHA256 }, &salted);
                sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Self::Encrypt(key) => encrypt(key.expose(), value).ok_or_else(broken)?,
            Self::Decrypt(key) => decrypt(key.expose(), value).ok_or_else(|| {
                Fault::parameter("Invalid input, text is not encrypted correctly with this key")
            })?,
        })
    }
}

fn drawn_salt() -> Result<[u8; 32], Fault> {
    let mut salt = [0; 32];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| broken())?;
    Ok(salt)
}

fn broken() -> Fault {
    Fault::analyzer("Internal server error")
}

/// AES-CBC with PKCS#7 padding; a random initialisation vector goes before the cipher text, all of it in
/// URL-safe base64.
fn encrypt(key: &[u8], value: &str) -> Option<String> {
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(unbound(key)?).ok()?;
    let mut bytes = value.as_bytes().to_vec();
    let context = key.encrypt(&mut bytes).ok()?;
    let iv: &[u8] = (&context).try_into().ok()?;
    Some(URL_SAFE.encode([iv, &bytes].concat()))
}

fn decrypt(key: &[u8], value: &str) -> Option<String> {
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(unbound(key)?).ok()?;
    let mut bytes = URL_SAFE.decode(value).ok()?;
    let (iv, sealed) = bytes.split_first_chunk_mut::<16>()?;
    let context = DecryptionContext::Iv128(FixedLength::from(*iv));
    let plain = key.decrypt(sealed, context).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}

fn unbound(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

fn key(config: &Map<String, Value>) -> Result<Redacted<Vec<u8>>, Fault> {
    let key = text(config, "key")?.as_bytes().to_vec();
    if !matches!(key.len(), 16 | 24 | 32) {
        return Err(Fault::parameter("Invalid input, key must be of length 128, 192 or 256 bits"));
    }
    Ok(Redacted::new("key", key))
}

fn text<'v>(config: &'v Map<String, Value>, name: &str) -> Result<&'v str, Fault> {
    match config.get(name) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(Fault::parameter(format!("Expected parameter {name}"))),
        Some(other) => Err(wrong_type(name, "string", other)),
    }
}

fn wrong_type(name: &str, wanted: &str, got: &Value) -> Fault {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Fault::parameter(format!(
        "Invalid parameter value for {name}. Expecting '{wanted}', but got '{got}'."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(config: Value, value: &str) -> String {
        Operator::read(&config, Direction::Anonymize).unwrap().run("PERSON", value).unwrap()
    }

    fn fault(config: Value) -> String {
        Operator::read(&config, Direction::Anonymize).unwrap_err().message
    }

    #[test]
    fn each_does_what_its_name_says() {
        assert_eq!(run(json!({"type": "replace"}), "Ada"), "<PERSON>");
        assert_eq!(run(json!({"type": "replace", "new_value": "X"}), "Ada"), "X");
        assert_eq!(run(json!({"type": "replace", "new_value": ""}), "Ada"), "<PERSON>");
        assert_eq!(run(json!({"type": "redact"}), "Ada"), "");
        assert_eq!(run(json!({"type": "keep"}), "Ada"), "Ada");
        let mask = |count: i64, from_end: bool| json!({"type": "mask", "masking_char": "*", "chars_to_mask": count, "from_end": from_end});
        assert_eq!(run(mask(2, false), "héllo"), "**llo");
        assert_eq!(run(mask(2, true), "héllo"), "hél**");
        assert_eq!(run(mask(99, true), "héllo"), "*****");
        assert_eq!(run(mask(-1, true), "héllo"), "héllo");
        // printf 'Ada0123456789abcdef' | sha256sum
        assert_eq!(
            run(json!({"type": "hash", "salt": "0123456789abcdef"}), "Ada"),
            "43a45521787facc1605706aa4e8f41f23a077a718cc5f830b7f72e24f6103fab"
        );
        let long = run(json!({"type": "hash", "hash_type": "sha512"}), "Ada");
        assert_eq!(long.len(), 128);
        assert_ne!(long, run(json!({"type": "hash", "hash_type": "sha512"}), "Ada"));
    }

    #[test]
    fn what_is_encrypted_is_decrypted_with_the_same_key_alone() {
        for length in [16, 24, 32] {
            let key = "k".repeat(length);
            let sealed = run(json!({"type": "encrypt", "key": key}), "Zoë Ångström");
            assert!(!sealed.contains("Zoë"));
            let open = |key: &str| {
                let config = json!({"type": "decrypt", "key": key});
                Operator::read(&config, Direction::Deanonymize).unwrap().run("PERSON", &sealed)
            };
            assert_eq!(open(&key).unwrap(), "Zoë Ångström");
            assert_ne!(open(&"x".repeat(length)).ok().as_deref(), Some("Zoë Ångström"));
        }
        // Made by openssl, with the IV `0123456789abcdef`.
        let sealed = "MDEyMzQ1Njc4OWFiY2RlZt-rMzrUvHRxhk0FguEd1lwtRveQBDArhcuuwPm89GTW";
        assert_eq!(decrypt(b"WmZq4t7w!z%C&F)J", sealed).as_deref(), Some("My name is Chloë"));
    }

    #[test]
    fn faults_have_presidios_words() {
        for (config, said) in [
            (json!({}), "Expected parameter operator_name"),
            (json!({"type": "none"}), "Invalid operator class 'none'."),
            (json!({"type": "decrypt", "key": "k"}), "Invalid operator class 'decrypt'."),
            (json!({"type": "custom"}), "Custom type anonymizer is not supported"),
            (json!({"type": "mask"}), "Expected parameter masking_char"),
            (
                json!({"type": "mask", "masking_char": "**", "chars_to_mask": 1, "from_end": true}),
                "Invalid input, masking_char must be a character",
            ),
            (
                json!({"type": "mask", "masking_char": "*", "chars_to_mask": "1", "from_end": true}),
                "Invalid parameter value for chars_to_mask. Expecting 'number', but got 'string'.",
            ),
            (json!({"type": "encrypt"}), "Expected parameter key"),
            (
                json!({"type": "encrypt", "key": "short"}),
                "Invalid input, key must be of length 128, 192 or 256 bits",
            ),
            (json!({"type": "hash", "hash_type": "md5"}), "not in range of values"),
            (json!({"type": "hash", "salt": "short"}), "Salt must be at least 16 bytes"),
            (
                json!({"type": "replace", "new_value": 1}),
                "Invalid parameter value for new_value. Expecting 'string', but got 'number'.",
            ),
        ] {
            let message = fault(config.clone());
            assert!(message.contains(said), "{config}: {message}");
        }
    }
}
