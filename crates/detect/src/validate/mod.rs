//! Checksums and shapes that no pattern can say: pure functions from text to a verdict.
//!
//! To add one: write `pub(crate) fn name(text: &str) -> Verdict` in a file of its family and add
//! its line to the table below, in alphabetical order; packs then say `validator: name`. The text
//! is the hit's value without the detector's `normalise` characters. Must not know detectors.

mod africa;
mod americas;
mod asia;
mod au;
mod benelux;
mod card;
pub(crate) mod crypto;
mod de;
mod digits;
mod iban;
mod india;
mod kr;
mod luhn;
mod net;
mod nordic;
mod numeral;
mod person;
mod pl;
mod romance;
mod se;
mod tr;
mod uk;
mod us;

use crate::secret::{armour, checksum, coin, jwt, random, userinfo};

/// What a validator says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A checksum holds: certain.
    Valid,
    /// It cannot be one: no hit.
    Invalid,
    /// It may be one: the pattern's score stands.
    Unknown,
}

impl Verdict {
    /// `Valid` or `Invalid`.
    pub const fn of(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
    /// `Unknown` or `Invalid`: a shape without a checksum.
    pub const fn possible(possible: bool) -> Self {
        if possible { Self::Unknown } else { Self::Invalid }
    }
}

/// A validator of the table.
#[derive(Clone, Copy)]
pub struct Validator {
    name: &'static str,
    check: fn(&str) -> Verdict,
}

impl Validator {
    /// The validator of that name.
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|known| known.name == name).copied()
    }
    /// Its name in packs.
    pub const fn name(self) -> &'static str {
        self.name
    }
    /// What it says of a value.
    pub fn check(self, value: &str) -> Verdict {
        (self.check)(value)
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! table {
    ($($name:ident => $path:path,)*) => {
        /// Every validator, by name.
        const TABLE: &[Validator] =
            &[$(Validator { name: stringify!($name), check: $path },)*];
    };
}

table! {
    age => person::age,
    au_abn => au::au_abn,
    au_acn => au::au_acn,
    au_medicare => au::au_medicare,
    au_tfn => au::au_tfn,
    aws_secret_key => random::aws_secret_key,
    basic_auth => userinfo::basic_auth,
    be_card => benelux::be_card,
    be_national => benelux::be_national,
    bech32_secret => coin::bech32_secret,
    bip38_key => coin::bip38_key,
    birth_date => person::birth_date,
    br_cnh => americas::br_cnh,
    br_cnpj => americas::br_cnpj,
    br_cpf => americas::br_cpf,
    br_pis => americas::br_pis,
    byte_array => coin::byte_array,
    ca_health_card => americas::ca_health_card,
    ca_sin => americas::ca_sin,
    card_like => card::card_like,
    card_named => card::card_named,
    card_number => card::card_number,
    chosen_password => userinfo::chosen_password,
    cn_resident_id => asia::cn_resident_id,
    crc32_base62 => checksum::crc32_base62,
    crypto_address => crypto::crypto_address,
    de_doctor => de::de_doctor,
    de_document => de::de_document,
    de_document_printed => de::de_document_printed,
    de_health_insurance => de::de_health_insurance,
    de_pension => de::de_pension,
    de_postcode => de::de_postcode,
    de_practice => de::de_practice,
    de_tax_id => de::de_tax_id,
    de_vat => de::de_vat,
    de_vat_checked => de::de_vat_checked,
    discord_token => userinfo::discord_token,
    dk_cpr => nordic::dk_cpr,
    dk_cvr => nordic::dk_cvr,
    email => crate::mailbox::email,
    es_nie => romance::es_nie,
    es_nif => romance::es_nif,
    es_ssn => romance::es_ssn,
    ethereum_address => crypto::ethereum_address,
    extended_key => coin::extended_key,
    fi_business_id => nordic::fi_business_id,
    fi_personal_identity_code => nordic::fi_personal_identity_code,
    fr_nir => romance::fr_nir,
    fr_tax_id => romance::fr_tax_id,
    host_name => net::host_name,
    iban => iban::iban,
    ie_pps => uk::ie_pps,
    in_aadhaar => india::in_aadhaar,
    in_gstin => india::in_gstin,
    in_pan => india::in_pan,
    in_pan_any => india::in_pan_any,
    in_vehicle_registration => india::in_vehicle_registration,
    ip_address => net::ip_address,
    it_fiscal_code => romance::it_fiscal_code,
    it_vat => romance::it_vat,
    jp_corporate_number => asia::jp_corporate_number,
    jp_my_number => asia::jp_my_number,
    jwt_signed => jwt::jwt_signed,
    jwt_unsigned => jwt::jwt_unsigned,
    key_bytes => armour::key_bytes,
    kr_brn => kr::kr_brn,
    kr_driver_license => kr::kr_driver_license,
    kr_frn => kr::kr_frn,
    kr_rrn => kr::kr_rrn,
    luhn => luhn::luhn,
    mac_address => net::mac_address,
    mx_clabe => americas::mx_clabe,
    mx_curp => americas::mx_curp,
    mx_nss => americas::mx_nss,
    mx_rfc => americas::mx_rfc,
    ng_nin => africa::ng_nin,
    nl_bsn => benelux::nl_bsn,
    no_fodselsnummer => nordic::no_fodselsnummer,
    no_organisasjonsnummer => nordic::no_organisasjonsnummer,
    ph_tin => asia::ph_tin,
    phone_north_american => crate::phone::phone_north_american,
    phone_ph_mobile => crate::phone::phone_ph_mobile,
    phone_tr => crate::phone::phone_tr,
    phone_za_fixed => crate::phone::phone_za_fixed,
    phone_za_mobile => crate::phone::phone_za_mobile,
    pl_id_card => pl::pl_id_card,
    pl_nip => pl::pl_nip,
    pl_passport => pl::pl_passport,
    pl_pesel => pl::pl_pesel,
    pl_regon => pl::pl_regon,
    private_key_block => armour::private_key_block,
    personal_email => crate::mailbox::personal_email,
    public_ip => net::public_ip,
    random_token => random::random_token,
    se_organisationsnummer => se::se_organisationsnummer,
    se_personnummer => se::se_personnummer,
    secret_token => random::secret_token,
    sg_nric_fin => asia::sg_nric_fin,
    sg_uen => asia::sg_uen,
    stellar_seed => coin::stellar_seed,
    strong_password => userinfo::strong_password_only,
    tezos_key => coin::tezos_key,
    th_tnin => asia::th_tnin,
    th_tnin_any => asia::th_tnin_any,
    tr_license_plate => tr::tr_license_plate,
    tr_national_id => tr::tr_national_id,
    tr_tax_number => tr::tr_tax_number,
    uk_driving_licence => uk::uk_driving_licence,
    uk_nhs => uk::uk_nhs,
    uk_nino => uk::uk_nino,
    uk_utr => uk::uk_utr,
    uk_vehicle => uk::uk_vehicle,
    url_password => userinfo::url_password,
    us_aba => us::us_aba,
    us_aba_like => us::us_aba_like,
    us_bank => us::us_bank,
    us_dea => us::us_dea,
    us_ein => us::us_ein,
    us_itin => us::us_itin,
    us_npi => us::us_npi,
    us_ssn => us::us_ssn,
    us_ssn_like => us::us_ssn_like,
    user_password => userinfo::user_password,
    uuid => net::uuid,
    vin => us::vin,
    wif_key => coin::wif_key,
    xrp_seed => coin::xrp_seed,
    za_company_registration => africa::za_company_registration,
    za_id_number => africa::za_id_number,
    za_income_tax_number => africa::za_income_tax_number,
    za_vat_number => africa::za_vat_number,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for validator in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.name == validator.name).count(), 1);
            assert_eq!(Validator::parse(validator.name).map(Validator::name), Some(validator.name));
        }
        assert!(Validator::parse("no_such_validator").is_none());
    }

    #[test]
    fn no_validator_panics_on_odd_text() {
        for validator in TABLE {
            for text in [
                "",
                "0",
                "é",
                "００１２",
                "-----",
                "\u{0}\u{10ffff}",
                "999999999999999999999999999999999999999999",
            ] {
                let _ = validator.check(text);
            }
        }
    }
}
