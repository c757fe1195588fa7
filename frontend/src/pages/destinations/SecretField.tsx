import { useState } from "react";
import { Button } from "react-aria-components";
import { STORED } from "../../model/destinations";
import controls from "../../ui/controls.module.css";
import { Field } from "../../ui/Field";

interface Props {
  label: string;
  /** STORED while the secret that is there stays. */
  value: string;
  hint: string;
  /** The id of what is said of secrets. */
  told: string | undefined;
  problem?: string | undefined;
  onChange: (value: string) => void;
}

/** A secret, which is never shown: one that is stored stays until another is written, or it is forgotten. */
export function SecretField({ label, value, hint, told, problem, onChange }: Props) {
  const [was] = useState(value);
  const [forgotten, setForgotten] = useState(false);
  const isKept = value === STORED;
  const toggle = () => {
    setForgotten(isKept);
    onChange(isKept ? "" : STORED);
  };
  return (
    <>
      <Field
        label={label}
        type="password"
        value={isKept ? "" : value}
        onChange={(text) => onChange(text === "" && was === STORED && !forgotten ? STORED : text)}
        autoComplete="new-password"
        aria-describedby={told}
        problem={problem}
        input={{
          size: 22,
          spellCheck: false,
          placeholder: isKept ? "stored; write to replace it" : forgotten ? "will be forgotten" : hint,
        }}
      />
      {was === STORED && (isKept || forgotten) && (
        <Button className={controls.action} aria-label={`${isKept ? "Forget" : "Keep"} ${label}`} onPress={toggle}>
          {isKept ? "Forget" : "Keep"}
        </Button>
      )}
    </>
  );
}
