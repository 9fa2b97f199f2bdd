use super::*;
use crate::engine::journal::JournalEntry;
use crate::engine::store::{OpenOptions, Store};
use crate::values::period::Coverage;

fn rule(method: Method, from: Option<Day>, to: Option<Day>) -> PriceRule {
    PriceRule { method, rounding: Rounding { decimals: 2, mode: RoundingMode::HalfUp }, from, to }
}

fn day(text: &str) -> Option<Day> {
    Some(text.parse().unwrap())
}

fn factor(hundredths: i128) -> Method {
    Method::Discount(Amount::new(hundredths, 2))
}

struct Home {
    _folder: tempfile::TempDir,
    store: Store,
    actor: Actor,
    uin: Uin,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_with(&folder.path().join("a"), &OpenOptions::default(), |_| Ok(())).unwrap();
    let actor = Actor { name: "lin".into(), at_unix_s: 1 };
    Home { _folder: folder, store, actor, uin: "200000003412".parse().unwrap() }
}

impl Home {
    fn set(&self, product: Option<&str>, rule: PriceRule) -> Result<(), PriceError> {
        self.store.transact(|tx| tx.set_price(self.uin, product, rule, &self.actor))
    }

    fn book(&self, coverage: Coverage) -> PriceBook {
        PriceBook::read(&self.store.read().unwrap(), self.uin, coverage).unwrap()
    }
}

#[test]
fn a_price_is_set_journalled_and_taken_back() {
    let home = home();
    assert!(matches!(home.set(None, rule(factor(20_000), None, None)), Err(PriceError::Figure(_))));
    assert!(matches!(home.set(Some(" "), rule(factor(90), None, None)), Err(PriceError::Name)));
    let wrong = home.set(None, rule(factor(90), day("2021-03-02"), day("2021-03-01")));
    assert!(matches!(wrong, Err(PriceError::Days { .. })));
    home.set(None, rule(factor(90), None, None)).unwrap();
    home.set(Some(" CVM "), rule(factor(80), day("2021-03-10"), day("2021-03-20"))).unwrap();
    let fee = |amount, currency: &str| Fee {
        amount: Amount::new(amount, 0),
        currency: currency.into(),
        from: day("2021-03-01"),
        to: None,
    };
    for wrong in [fee(-1, "USD"), fee(5, "dollar"), fee(5, "usd")] {
        let set = home.store.transact(|tx| tx.set_fee(home.uin, wrong, &home.actor));
        assert!(matches!(set, Err(PriceError::Fee { .. })));
    }
    home.store.transact(|tx| tx.set_fee(home.uin, fee(5, "USD"), &home.actor)).unwrap();
    let march = home.book(Coverage::month("2021-03".parse().unwrap()));
    let on = |product: &str, n: &str| march.rule(product.as_bytes(), day(n)).unwrap().method;
    assert_eq!([on("CVM", "2021-03-09"), on("CVM", "2021-03-10")], [factor(90), factor(80)]);
    assert_eq!([on("COS", "2021-03-15"), on("CVM", "2021-03-21")], [factor(90), factor(90)]);
    // A day before the month counts as its first, none as its last.
    assert_eq!(march.rule(b"CVM", day("2021-01-15")).unwrap().method, factor(90));
    assert_eq!(march.rule(b"CVM", None).unwrap().method, factor(90));
    assert_eq!(march.fee.as_ref().unwrap().amount, Amount::new(5, 0));
    assert_eq!(home.book(Coverage::month("2021-02".parse().unwrap())).fee, None);

    let remove =
        |product| home.store.transact(|tx| tx.remove_price(home.uin, product, None, None, &home.actor));
    assert!(matches!(remove(Some("COS")), Err(PriceError::None { .. })));
    remove(Some("CVM")).unwrap();
    remove(None).unwrap();
    home.store.transact(|tx| tx.remove_fee(home.uin, None, None, &home.actor)).unwrap();
    assert_eq!(Terms::list(&home.store.read().unwrap()).unwrap(), []);
    let journal = JournalEntry::list(&home.store.read().unwrap()).unwrap();
    let actions = |name: &str| journal.iter().filter(|entry| entry.action == name).count();
    assert_eq!((actions("account price set"), actions("account price remove")), (3, 3));
}

#[test]
fn other_prices_have_another_identity_and_equal_ones_the_same() {
    let home = home();
    let month = Coverage::month("2021-03".parse().unwrap());
    let none = home.book(month).identity();
    home.set(None, rule(factor(90), None, None)).unwrap();
    let ninety = home.book(month).identity();
    assert_ne!(none, ninety);
    home.set(None, rule(Method::Discount(Amount::new(9, 1)), None, None)).unwrap();
    assert_eq!(home.book(month).identity(), ninety, "0.9 is 0.90");
    home.set(None, rule(factor(50), day("2021-04-01"), None)).unwrap();
    assert_eq!(home.book(month).identity(), ninety, "what holds later only is nothing to March");
    assert_ne!(home.book(Coverage::month("2021-04".parse().unwrap())).identity(), ninety);
    let down = Rounding { decimals: 2, mode: RoundingMode::Down };
    home.set(None, PriceRule { rounding: down, ..rule(factor(90), None, None) }).unwrap();
    assert_ne!(home.book(month).identity(), ninety, "rounding is part of the rule");
}

#[test]
fn a_column_of_the_partners_cost_is_never_given() {
    let home = home();
    let add = |header| home.store.transact(|tx| tx.set_customer_column(home.uin, header, true, &home.actor));
    assert!(matches!(add("Total Cost"), Err(PriceError::Cost { column: Column::Total, .. })));
    assert!(matches!(add("折扣率"), Err(PriceError::Cost { .. })));
    assert!(matches!(add("  "), Err(PriceError::Name)));
    add("Site").unwrap();
    add(" site").unwrap();
    let columns = Terms::get(&home.store.read().unwrap(), home.uin).unwrap().columns;
    assert_eq!(columns.into_iter().collect::<Vec<_>>(), ["site"]);
    let remove =
        |header| home.store.transact(|tx| tx.set_customer_column(home.uin, header, false, &home.actor));
    assert!(matches!(remove("Zone 51"), Err(PriceError::None { .. })));
    remove("S ITE").unwrap();
    assert_eq!(Terms::list(&home.store.read().unwrap()).unwrap(), []);
}
