-- +goose Up

-- What the hoster sets on the page of settings: one row, none until somebody
-- has saved it once. What the environment says is in force until then.
CREATE TABLE setting (
  one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
  version             int NOT NULL CHECK (version > 0),
  hoster_name         text NOT NULL CHECK (length(hoster_name) BETWEEN 1 AND 60),
  support_email       text NOT NULL DEFAULT '' CHECK (support_email = '' OR support_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  staff_second_factor boolean NOT NULL,
  session_hours       int NOT NULL CHECK (session_hours BETWEEN 1 AND 168),
  business_hours      jsonb NOT NULL,
  business_zone       text NOT NULL CHECK (length(business_zone) BETWEEN 1 AND 64),
  second_approval     boolean NOT NULL DEFAULT true,
  reminder_days       int NOT NULL CHECK (reminder_days BETWEEN 1 AND 30),
  auto_close_days     int NOT NULL CHECK (auto_close_days BETWEEN 2 AND 90),
  language            text NOT NULL CHECK (length(language) BETWEEN 2 AND 16),
  changed_by          text NOT NULL,
  changed_at          timestamptz NOT NULL,
  CHECK (auto_close_days > reminder_days)
);

-- Everybody's transactions follow the settings; who changed them is the staff's.
GRANT SELECT (one, version, hoster_name, support_email, staff_second_factor, session_hours, business_hours, business_zone, second_approval, reminder_days, auto_close_days, language)
  ON setting TO holdfast_tenant;
GRANT SELECT ON setting TO holdfast_worker;
GRANT SELECT, INSERT, UPDATE ON setting TO holdfast_staff;

-- An organisation's admin changes the roles of its people.
GRANT UPDATE (role) ON member TO holdfast_tenant;

-- +goose Down
REVOKE UPDATE (role) ON member FROM holdfast_tenant;
DROP TABLE setting;
