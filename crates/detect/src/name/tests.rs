//! What the gate finds, doubts and leaves alone.

use super::*;

fn look(names: &Names, text: &str) -> NameLook {
    let options = ScanOptions::default();
    let mut budget = NameBudget { session: 0, bytes: 1 << 20 };
    names.look(text, None, &options, &mut budget, &mut NameScratch::default()).unwrap()
}

/// `entity:value` of what the gate alone finds, with `!` where it refuses.
fn gate(text: &str) -> Vec<String> {
    let found = look(&Names::GateOnly, text).hits;
    found
        .iter()
        .map(|hit| {
            let mark = if hit.acts == crate::pack::Acts::Block { "!" } else { "" };
            format!("{}{mark}:{}", hit.entity, text.get(hit.span.clone()).unwrap())
        })
        .collect()
}

#[test]
fn people_are_found_by_strong_evidence() {
    for (text, expected) in [
        ("Please call Mr. Kowalski tomorrow", "PERSON!:Kowalski"),
        ("Herr Müller kommt morgen", "PERSON!:Müller"),
        ("la Sra. Fernández llamó", "PERSON!:Fernández"),
        ("I talked to Maria Gonzalez about it", "PERSON!:Maria Gonzalez"),
        ("JOHN SMITH signed the form", "PERSON!:JOHN SMITH"),
        ("My name is Anna", "PERSON!:Anna"),
        ("Name: Toshimi Arata\nPhone: -", "PERSON!:Toshimi Arata"),
        ("a film directed by Joakim Westgård", "PERSON!:Joakim Westgård"),
        ("See you soon.\nBest regards,\nPeter O'Brien", "PERSON!:Peter O'Brien"),
        ("we met with Elizabeth van der Berg there", "PERSON!:Elizabeth van der Berg"),
        ("ask Sarah J. Connor", "PERSON!:Sarah J. Connor"),
        ("Ms. Austin is late", "PERSON!:Austin"),
        ("{\"name\": \"Grace Johnson\"}", "PERSON!:Grace Johnson"),
    ] {
        assert!(gate(text).contains(&expected.to_owned()), "{text}: {:?}", gate(text));
    }
}

#[test]
fn places_and_peoples_are_reported_and_refuse_nothing() {
    for (text, expected) in [
        ("What is the weather in Paris tomorrow?", "LOCATION:Paris"),
        ("I'm originally from Norway", "LOCATION:Norway"),
        ("She flew to Leppen on Tuesday", "LOCATION:Leppen"),
        ("an office in the United Kingdom", "LOCATION:United Kingdom"),
        ("they live in New York now", "LOCATION:New York"),
        ("a 2017 Polish film", "NRP:Polish"),
        ("he is Norwegian", "NRP:Norwegian"),
        ("a contract with Fernandez Inc.", "ORGANIZATION:Fernandez Inc"),
        ("{\"city\": \"Paris\", \"days\": 3}", "LOCATION:Paris"),
    ] {
        let found = gate(text);
        assert!(found.contains(&expected.to_owned()), "{text}: {found:?}");
        assert!(found.iter().all(|found| !found.contains('!')), "{text}: {found:?}");
    }
}

#[test]
fn ordinary_words_code_and_products_are_no_people() {
    for text in [
        "Will my account stay active?",
        "Mark the box and May the best one win",
        "The Rose Garden opens in June",
        "Jordan River is long",
        "Victoria Falls and Virginia Beach",
        "the Ackermann function and Gauss elimination",
        "Martin Luther King Boulevard",
        "impl Display for Anna { fn new() -> Self }",
        "let mark = Mark::new(Rose, grace.hopper());",
        "import { Charlotte } from './Charlotte';",
        "Install Docker, Jenkins and Ruby on Rails",
        "THE SOFTWARE IS PROVIDED AS IS, WITHOUT WARRANTY OF ANY KIND",
        "Getting Started With Python",
        "How do I open my credit card statement?",
        "Title VII of the Civil Rights Act of 2001 protects individuals",
        "Capitalized words like Wisdom and Discipline are often mistaken with names.",
        "SELECT Name FROM Users WHERE City = 'x'",
        "Copyright (c) 2016 Johann Schmidt",
        "Grace period, Hope for the best, Faith in code",
    ] {
        let found = gate(text);
        assert!(found.iter().all(|found| !found.starts_with("PERSON!")), "{text}: {found:?}");
    }
}

#[test]
fn text_without_candidates_needs_no_model() {
    for text in [
        "",
        "What are my options?",
        "please block card no 4131034282458809939",
        "How do I check my balance on my credit card?",
        "fn main() { println!(\"{}\", 1 + 2); }",
        "My brother just turned 60",
    ] {
        assert_eq!(look(&Names::GateOnly, text).answer, Answer::Clear, "{text}");
    }
    assert_eq!(look(&Names::GateOnly, "Mr. Kowalski is here").answer, Answer::Found);
    assert_eq!(look(&Names::GateOnly, "Tzigane Lantos is here").answer, Answer::Doubt);
}

/// Answers for one word; counts what it was asked.
struct Fixed(&'static str, Label, std::sync::atomic::AtomicUsize);

impl NameModel for Fixed {
    fn spans(
        &self,
        passages: &[&str],
        budget: &mut NameBudget,
    ) -> Result<Vec<Vec<NameSpan>>, NameFault> {
        let bytes = passages.iter().map(|passage| passage.len()).sum::<usize>();
        self.2.fetch_add(passages.len(), std::sync::atomic::Ordering::Relaxed);
        budget.bytes = budget.bytes.checked_sub(bytes).ok_or(NameFault::OverBudget)?;
        let spans = |passage: &&str| {
            let found = passage.match_indices(self.0);
            found
                .map(|(at, word)| NameSpan {
                    label: self.1,
                    span: at..at + word.len(),
                    score: Score::new(0.9),
                })
                .collect()
        };
        Ok(passages.iter().map(spans).collect())
    }
}

#[test]
fn the_model_is_asked_only_in_doubt_and_its_spans_land_in_place() {
    let model = Arc::new(Fixed("Tzigane Lantos", Label::Given, Default::default()));
    let names = Names::Required(model.clone());
    assert!(look(&names, "What are my options?").hits.is_empty());
    assert!(look(&names, "Mr. Kowalski is here").hits.len() == 1);
    assert_eq!(model.2.load(std::sync::atomic::Ordering::Relaxed), 0);
    let text = format!(
        "{}So says Tzigane Lantos again.",
        "Nothing to see in this long sentence of small words. ".repeat(20)
    );
    let found = look(&names, &text).hits;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (text.get(found[0].span.clone()).unwrap(), &*found[0].entity, found[0].acts),
        ("Tzigane Lantos", "PERSON", crate::pack::Acts::Block)
    );
    assert_eq!(model.2.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn past_the_budget_the_answer_is_a_fault() {
    let names = Names::Required(Arc::new(Fixed("x", Label::Given, Default::default())));
    let mut budget = NameBudget { session: 0, bytes: 10 };
    let looked = names.look(
        "Tzigane Lantos is here",
        None,
        &ScanOptions::default(),
        &mut budget,
        &mut NameScratch::default(),
    );
    assert_eq!(looked.unwrap_err(), NameFault::OverBudget);
}

#[test]
fn ordinary_words_that_the_model_takes_for_names_are_dropped() {
    let names = Names::Required(Arc::new(Fixed("flew", Label::Surname, Default::default())));
    let found = look(&names, "Then Ushurma Dratchev flew away").hits;
    assert!(
        found.iter().all(|hit| &*hit.detector != "name-part" || hit.span.start == 5),
        "{found:?}"
    );
}

#[test]
fn a_street_with_its_number_refuses() {
    let names =
        Names::Required(Arc::new(Fixed("12 Hauptgasse", Label::Street, Default::default())));
    let found = look(&names, "send it to Hauptgasse 12 Hauptgasse now").hits;
    assert!(found.iter().all(|hit| hit.acts == crate::pack::Acts::Note), "{found:?}");
}

#[test]
fn looking_is_linear_and_never_panics_on_odd_text() {
    for text in [
        "Ä",
        "'s",
        "O'",
        "-A-",
        "A.",
        "\u{301}A",
        "Mr.",
        "Anna's",
        "ANNA'S",
        "İstanbul'da",
        "ﬁ",
        "A\u{300}\u{301}b",
        "Ab-",
        "日本語 Anna 山田",
    ] {
        look(&Names::GateOnly, text);
    }
    let long = "Anna van der Berg, ".repeat(20_000);
    assert!(look(&Names::GateOnly, &long).hits.len() > 10_000);
    let caps = "Anna ".repeat(100_000);
    look(&Names::GateOnly, &caps);
    look(&Names::GateOnly, &"de ".repeat(100_000));
    look(&Names::GateOnly, &"A-".repeat(200_000));
}

proptest::proptest! {
    #[test]
    fn spans_stand_at_borders_of_characters(text in "([A-Z]?[a-zäöüßéŁ]{1,8}('s|-[A-Z][a-z]+)?[ ,.\n]{1,2}){0,20}") {
        for hit in look(&Names::GateOnly, &text).hits {
            proptest::prop_assert!(text.get(hit.span.clone()).is_some());
        }
    }
}

#[test]
fn a_list_of_people_is_no_list_of_authors() {
    let notice = |count: usize| {
        (0..count).map(|_| "Copyright (c) 2016 Johann Schmidt\n").collect::<String>()
    };
    assert!(gate(&notice(3)).iter().all(|found| !found.contains('!')), "{:?}", gate(&notice(3)));
    assert_eq!(gate(&notice(40)).iter().filter(|found| found.contains('!')).count(), 16);
}

#[test]
fn authors_of_software_are_noted() {
    for text in [
        "authors = [\"Eliza Weisman <eliza@buoyant.io>\"]",
        " -- Steve Langasek <vorlon@debian.org>  Mon, 11 Aug 2014 07:28:30 +0000",
        "  [ Laurent Bigonville ]\n  * debian/control.in: Switch",
        "\"author\": {\n  \"name\": \"James Halliday\",",
        "Neither the name of Dimitrios Souflis nor the names of the",
    ] {
        let found = gate(text);
        assert!(found.iter().all(|found| !found.contains('!')), "{text}: {found:?}");
        assert!(found.iter().any(|found| found.starts_with("PERSON:")), "{text}: {found:?}");
    }
    for text in ["Author of the letter: our customer Steve Langasek", "a novel by Steve Langasek"] {
        assert!(gate(text).contains(&"PERSON!:Steve Langasek".to_owned()), "{text}");
    }
}

#[test]
fn initials_and_capitals_are_no_full_names() {
    for text in [
        ".. [1] M. Chudnovsky, N. Robertson, P. Seymour, and R. Thomas",
        "Netscape or MS Server-Gated Crypto",
    ] {
        let found = gate(text);
        assert!(found.iter().all(|found| !found.contains('!')), "{text}: {found:?}");
    }
    for text in ["Dear J. Smith", "Mr. R. Thomas called", "MS. ANNA SMITH", "MRS SMITH"] {
        assert!(gate(text).iter().any(|found| found.starts_with("PERSON!")), "{text}");
    }
}

#[test]
fn organisations_by_what_stands_beside_them() {
    for (text, expected) in [
        ("She works at Persint now", "Persint"),
        ("The Garmin office is closed", "Garmin"),
        ("according to the Roadify Transit website", "Roadify Transit"),
        ("bought by Loveland Technologies", "Loveland Technologies"),
        ("ask White, Willis and Hoffman about it", "White, Willis and Hoffman"),
        ("he joined Lexisnexis", "Lexisnexis"),
        ("the CEO of Demystdata", "Demystdata"),
    ] {
        let found = gate(text);
        assert!(found.contains(&format!("ORGANIZATION:{expected}")), "{text}: {found:?}");
    }
    for text in ["she works at home", "years of Anna Smith", "he joined Maria"] {
        let found = gate(text);
        assert!(found.iter().all(|found| !found.starts_with("ORG")), "{text}: {found:?}");
    }
    assert!(gate("Yesterday Anna Kowalska worked").contains(&"PERSON!:Anna Kowalska".to_owned()));
}

#[test]
fn the_model_alone_does_not_make_an_address_of_a_table() {
    let table = "54346|Cruz Alta\n54347|Corral\n";
    let model = Arc::new(Fixed("Cruz Alta", Label::Street, Default::default()));
    let found = look(&Names::Required(model), table).hits;
    assert!(found.iter().all(|hit| hit.acts == crate::pack::Acts::Note), "{found:?}");
}

#[test]
fn two_strangers_need_a_model_that_is_sure() {
    let model = Arc::new(Fixed("crossbeam deque", Label::Given, Default::default()));
    let found = look(&Names::Required(model), "use crossbeam deque here, Tzigane Lantos").hits;
    assert!(found.iter().all(|hit| hit.acts == crate::pack::Acts::Note), "{found:?}");
}

#[test]
fn a_version_is_no_number_of_a_house() {
    struct Street;
    impl NameModel for Street {
        fn spans(
            &self,
            passages: &[&str],
            _: &mut NameBudget,
        ) -> Result<Vec<Vec<NameSpan>>, NameFault> {
            let label = |text: &str, name: &str, label| {
                let at = text.find(name)?;
                Some(NameSpan { label, span: at..at + name.len(), score: Score::CERTAIN })
            };
            Ok(passages
                .iter()
                .map(|text| {
                    let street = label(text, "Tzigane Lantos", Label::Street);
                    street.into_iter().chain(label(text, "41", Label::Building)).collect()
                })
                .collect())
        }
    }
    let refused = |text: &str| {
        let found = look(&Names::Required(Arc::new(Street)), text).hits;
        found.iter().any(|hit| &*hit.entity == "STREET_ADDRESS")
    };
    assert!(refused("Please send it to Tzigane Lantos 41 tomorrow."));
    assert!(refused("Please send it to Tzigane Lantos 41. Thanks"));
    assert!(!refused("Please send it to Tzigane Lantos 41.13 tomorrow."));
}
