import { type ReactNode, useId } from "react";
import { FieldError, Input, type InputProps, TextField, type TextFieldProps } from "react-aria-components";
import controls from "./controls.module.css";
import boxes from "./field.module.css";
import { Label } from "./Label";

interface Props extends Omit<TextFieldProps, "children" | "className" | "style"> {
  label: ReactNode;
  /** Whether label and input are in one box. */
  boxed?: boolean;
  input?: InputProps;
  /** What belongs to the input and stands behind it, such as a unit. */
  hint?: ReactNode;
  /** What is wrong with it. What the browser or `validate` finds is said without. */
  problem?: string | false | undefined;
}

/** A line of text to write: label, input, and what there is to know of it and is wrong with it, which are told with it. */
export function Field({ label, boxed = false, input, hint, problem, ...field }: Props) {
  const id = useId();
  const told = [field["aria-describedby"], hint && `${id}hint`, problem && `${id}problem`].filter(Boolean).join(" ");
  return (
    <TextField {...field} {...(told && { "aria-describedby": told })} className={(boxed && boxes.field) || ""}>
      <Label className={boxed ? boxes.label : undefined}>{label}</Label>
      <Input
        {...input}
        className={[boxed && boxes.input, input?.className].filter(Boolean).join(" ")}
        {...(problem && { "aria-invalid": true })}
      />
      {hint && (
        <span id={`${id}hint`} className={controls.hint}>
          {hint}
        </span>
      )}
      {problem ? (
        <span id={`${id}problem`} className={controls.problem} data-problem>
          {problem}
        </span>
      ) : (
        <FieldError className={controls.problem} data-problem />
      )}
    </TextField>
  );
}
