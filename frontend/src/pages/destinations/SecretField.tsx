import { useState } from "react";
import { Button, Input, Label, TextField } from "react-aria-components";
import { STORED } from "../../model/destinations";
import controls from "../../ui/controls.module.css";

interface Props {
  label: string;
  /** STORED while the secret that is there stays. */
  value: string;
  hint: string;
  onChange: (value: string) => void;
}

/** A secret, which is never shown: one that is stored stays until another is written, or it is forgotten. */
export function SecretField({ label, value, hint, onChange }: Props) {
  const [was] = useState(value);
  const [forgotten, setForgotten] = useState(false);
  const isKept = value === STORED;
  const toggle = () => {
    setForgotten(isKept);
    onChange(isKept ? "" : STORED);
  };
  return (
    <>
      <TextField
        type="password"
        value={isKept ? "" : value}
        onChange={(text) => onChange(text === "" && was === STORED && !forgotten ? STORED : text)}
      >
        <Label>{label}</Label>
        <Input
          size={22}
          spellCheck={false}
          autoComplete="new-password"
          placeholder={isKept ? "stored; write to replace it" : forgotten ? "will be forgotten" : hint}
        />
      </TextField>
      {was === STORED && (isKept || forgotten) && (
        <Button className={controls.action} aria-label={`${isKept ? "Forget" : "Keep"} ${label}`} onPress={toggle}>
          {isKept ? "Forget" : "Keep"}
        </Button>
      )}
    </>
  );
}
