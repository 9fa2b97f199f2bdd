//! The tree of accounts, from the command line; and what is not in it.

use crate::support::{Home, PAYER, bill_file};

#[test]
fn accounts_come_from_a_file_and_unknown_ones_are_told() {
    let home = Home::with(&[bill_file("english")]);
    let shown = home.json(["bill", "show", "2021-03", "--by", "owner"]);
    let owners: Vec<String> =
        shown["rows"].as_array().unwrap().iter().map(|r| r["owner"].as_str().unwrap().to_owned()).collect();
    let customers: Vec<&String> = owners.iter().filter(|o| *o != PAYER).collect();
    let unknown = |home: &Home| -> Vec<String> {
        let tree = home.json(["account", "tree"]);
        let rows = tree["rows"].as_array().unwrap().clone();
        rows.iter()
            .filter(|r| r["role"] == "unassigned")
            .map(|r| r["account"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(unknown(&home).len(), customers.len());
    let mut text = String::from("uin,name,role\n");
    customers.iter().skip(1).for_each(|uin| text.push_str(&format!("{uin},Customer {uin},customer\n")));
    let file = home.write("accounts.csv", text.as_bytes());
    let path = file.to_str().unwrap();
    home.ok(["account", "import", path, "--dry-run"]).says(0, &["would be new"]);
    assert_eq!(unknown(&home).len(), customers.len());
    home.ok(["account", "import", path]).says(0, &["rows were new"]);
    home.ok(["account", "import", path]).says(0, &["0 rows were new"]);
    assert_eq!(unknown(&home), [customers[0].as_str()]);
    // Nothing is dropped: the bill has all lines, whoever they belong to.
    assert_eq!(home.json(["bill", "show", "2021-03", "--by", "owner"]), shown);
    let wrong = home.write("wrong.csv", b"uin,name\n12,x\n909619400,\n");
    home.run(["account", "import", wrong.to_str().unwrap()])
        .says(1, &["line 2", "line 3", "nothing was changed"]);
    home.run(["account", "add", "909619400", "--name", "Lin", "--parent", "800000000001"])
        .says(1, &["800000000001", "account add 800000000001"]);
    home.ok(["account", "add", PAYER, "--name", "Us"]).says(0, &["`Us`, payer"]);
    home.ok(["account", "add", PAYER, "--name", "Us"]).says(0, &["nothing has changed"]);
    home.ok(["account", "end", customers[1], "--from", "2021-04-01"]).says(0, &["2021-04-01"]);
    let list = home.json(["account", "list"]);
    let ended = list["rows"].as_array().unwrap().iter().find(|r| r["uin"] == customers[1].as_str()).unwrap();
    assert_eq!((&ended["until"], &ended["role"]), (&"2021-03-31".into(), &"customer".into()));
}

#[test]
fn an_import_tells_accounts_that_the_tree_does_not_know() {
    let home = Home::new();
    home.ok(["account", "add", "909619400", "--name", "Lin"]);
    home.import([bill_file("english")]).says(0, &["not in the tree of accounts", "account tree"]);
    let home = Home::new();
    let said = home.import([bill_file("english")]);
    assert!(!said.text().contains("tree of accounts"), "{}", said.text());
}
