/* SPDX-License-Identifier: MIT */
/* What spawn executes: a static program that ends at once. */
int main(void)
{
    return 0;
}
